// A network of this program's own, in which every part of a cluster has a machine's place: what lies between two of them can
// be cut, in one direction or both, and made slow. It takes root on Linux; all of it is gone when the program has ended.
//
// N1. The program runs in a network namespace of its own and is the router between the others: the machine's own network is
//     never touched.
// N2. It runs in a process namespace of its own too: nothing that it started outlives it, however it ends.

import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";

const entered = "STEPWELL_TEST_NETWORK";

/** `silent`: what is sent vanishes. `refused`: whoever sends is told that there is no way. */
export type Cut = "silent" | "refused";

export type Place = {
  readonly name: string;
  readonly address: string;
  /** Words before a program that start it there. */
  readonly through: readonly string[];
};

/** Null where a network can be made; else what it would take. */
export function whyNoNetwork(): string | null {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return "network namespaces take root on Linux";
  try {
    execFileSync("unshare", ["--net", "--mount", "ip", "link", "add", "probe", "type", "veth", "peer", "name", "other"], { stdio: "pipe" });
    return null;
  } catch (error) {
    return `no network namespaces here: ${error instanceof Error ? error.message : String(error)}`;
  }
}

export function isInOwnNetwork(): boolean {
  return process.env[entered] !== undefined;
}

/** Runs this program once more in a network of its own; resolves with its exit code. */
export async function runInOwnNetwork(): Promise<number> {
  const prepare = "mount -t tmpfs tmpfs /run && ip link set lo up && echo 1 > /proc/sys/net/ipv4/ip_forward";
  // The shell stays, as the parent of all whose own has gone.
  const script = `${prepare} || exit; "$@"; exit $?`;
  const namespaces = ["--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"];
  const words = [...namespaces, "sh", "-c", script, "sh", process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  const child = spawn("unshare", words, { stdio: "inherit", env: { ...process.env, [entered]: "own" } });
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => child.kill("SIGKILL"));
  const [code] = (await once(child, "exit")) as [number | null];
  return code ?? 1;
}

export class Network {
  readonly #places = new Map<string, Place & { readonly link: string }>();
  #made = 0;

  add(name: string): Place {
    const number = (this.#made += 1);
    const [link, subnet] = [`to${number}`, `10.77.${number}`];
    const place = { name, link, address: `${subnet}.2`, through: ["ip", "netns", "exec", name] };
    ip("netns", "add", name);
    ip("link", "add", link, "type", "veth", "peer", "name", "up0", "netns", name);
    ip("addr", "add", `${subnet}.1/24`, "dev", link);
    ip("link", "set", link, "up");
    ip("-n", name, "addr", "add", `${place.address}/24`, "dev", "up0");
    ip("-n", name, "link", "set", "up0", "up");
    ip("-n", name, "link", "set", "lo", "up");
    ip("-n", name, "route", "add", "default", "via", `${subnet}.1`);
    this.#places.set(name, place);
    return place;
  }

  /** Nothing goes from one to the other any more; call what is returned to heal it. */
  cut(from: string, to: string, how: Cut): () => void {
    const rule = ["from", this.#place(from).address, "to", this.#place(to).address, how === "silent" ? "blackhole" : "unreachable"];
    ip("rule", "add", ...rule);
    return () => ip("rule", "del", ...rule);
  }

  /** What goes to the place waits in a queue that lets through little, up to `latencyMs`, and overflows. */
  slow(name: string, { kilobitsPerSecond, latencyMs }: { readonly kilobitsPerSecond: number; readonly latencyMs: number }): () => void {
    const on = ["dev", this.#place(name).link, "root"];
    const limits = ["rate", `${kilobitsPerSecond}kbit`, "burst", "8kb", "latency", `${latencyMs}ms`];
    execFileSync("tc", ["qdisc", "add", ...on, "tbf", ...limits], { stdio: "pipe" });
    return () => void execFileSync("tc", ["qdisc", "del", ...on], { stdio: "pipe" });
  }

  #place(name: string): Place & { readonly link: string } {
    const place = this.#places.get(name);
    if (place === undefined) throw new Error(`there is no ${name} in this network`);
    return place;
  }

  /** Nothing may live there any more. */
  close(): void {
    for (const { name, link } of this.#places.values()) {
      // The system takes its time to remove what was in a namespace, and the next network has the same names.
      ip("link", "del", link);
      ip("netns", "del", name);
    }
    this.#places.clear();
  }
}

function ip(...words: readonly string[]): void {
  execFileSync("ip", words, { stdio: "pipe" });
}
