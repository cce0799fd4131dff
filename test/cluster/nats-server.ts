// A real nats-server for tests and measurements: on a free port of this machine, with a folder of its own.

import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";

const readyMs = 20_000;
/** Debian puts it where only root's PATH leads. */
const folders = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin", "/usr/local/sbin"];
export const natsServerMissing =
  "nats-server is not installed: on Debian or Ubuntu `apt-get install nats-server`, with Homebrew `brew install nats-server`, else from https://github.com/nats-io/nats-server/releases";

export type NatsServerOptions = {
  /** Lines of its configuration beside address and JetStream. */
  readonly config?: string;
  /** What stands in its jetstream block beside the folder; null: JetStream is off. */
  readonly jetstream?: string | null;
  /** Where its folder is made. */
  readonly within?: string;
  /** Syncs each message. Servers before 2.10 cannot, so that the file system must: ext4, and root. */
  readonly syncsAlways?: boolean;
  /** Address that it listens at; that of this machine alone by default. */
  readonly host?: string;
  /** Words before the program: what starts it somewhere else. */
  readonly through?: readonly string[];
};

/** The program's path, or null. */
export function findNatsServer(): string | null {
  const asked = process.env["NATS_SERVER"];
  if (asked !== undefined) return asked;
  return folders.map((folder) => join(folder, "nats-server")).find((path) => existsSync(path)) ?? null;
}

export class NatsServer {
  readonly port: number;
  /** Of its configuration, log and files. */
  readonly folder: string;
  readonly #program: string;
  readonly #options: NatsServerOptions;
  #child: ChildProcess | null = null;

  private constructor(program: string, place: { readonly folder: string; readonly port: number }, options: NatsServerOptions) {
    this.#program = program;
    this.folder = place.folder;
    this.port = place.port;
    this.#options = options;
  }

  /** Resolves when it can be used. */
  static async start(options: NatsServerOptions = {}): Promise<NatsServer> {
    const program = findNatsServer();
    if (program === null) throw new Error(natsServerMissing);
    const folder = await mkdtemp(join(options.within ?? tmpdir(), "nats-"));
    const server = new NatsServer(program, { folder, port: await freePort() }, options);
    await server.start();
    return server;
  }

  get url(): string {
    return `nats://${this.#host}:${this.port}`;
  }

  get #host(): string {
    return this.#options.host ?? "127.0.0.1";
  }

  get storeFolder(): string {
    return join(this.folder, "store");
  }

  get pid(): number {
    const pid = this.#child?.pid;
    if (pid === undefined) throw new Error("this nats-server does not run");
    return pid;
  }

  /** On the same port, with what it had stored. */
  async start(): Promise<void> {
    const { config = "", jetstream = "" } = this.#options;
    await mkdir(this.storeFolder, { recursive: true });
    const syncs = this.#options.syncsAlways === true ? this.#syncing() : "";
    const block = jetstream === null ? "" : `jetstream { store_dir: "${this.storeFolder}"\n ${jetstream}\n ${syncs} }\n`;
    const file = join(this.folder, "nats.conf");
    const log = join(this.folder, "nats.log");
    await writeFile(file, `host: ${this.#host}\nport: ${this.port}\nlog_file: "${log}"\n${block}${config}\n`);
    const [program, ...words] = [...(this.#options.through ?? []), this.#program, "-c", file];
    const child = spawn(program, words, { stdio: ["ignore", "ignore", "pipe"] });
    let said = "";
    child.stderr.on("data", (text: Buffer) => (said += text.toString()));
    this.#child = child;
    const gone = once(child, "exit").then(async () => {
      const logged = await readFile(log, "utf8").catch(() => "");
      throw new Error(`nats-server has ended instead of listening: ${said}${logged}`);
    });
    gone.catch(() => undefined);
    await Promise.race([this.#ready(), gone]);
  }

  /** The setting for it, if the server has one. Files of a folder that has the attribute S are written synchronously. */
  #syncing(): string {
    const version = execFileSync(this.#program, ["--version"], { encoding: "utf8" });
    if (!/v2\.[0-9]\./.test(version)) return "sync_interval: always";
    execFileSync("chattr", ["+S", this.storeFolder], { stdio: "pipe" });
    return "";
  }

  /** As a service manager stops it. */
  stop(): Promise<void> {
    return this.#end("SIGTERM");
  }

  /** As a power cut ends it, but for what the system still writes. */
  kill(): Promise<void> {
    return this.#end("SIGKILL");
  }

  /** Takes its files away; it must not run. */
  async wipe(): Promise<void> {
    await rm(this.storeFolder, { recursive: true, force: true });
  }

  async close(): Promise<void> {
    await this.kill();
    await rm(this.folder, { recursive: true, force: true });
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    this.#child = null;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "exit");
    child.kill(signal);
    await gone;
  }

  /** It listens once its files are read, and greets with what it is. */
  async #ready(): Promise<void> {
    for (const untilMs = performance.now() + readyMs; performance.now() < untilMs;) {
      if (await greets(this.#host, this.port)) return;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    throw new Error(`nats-server does not listen at port ${this.port} after ${readyMs} ms`);
  }
}

function greets(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, host);
    const answer = (value: boolean): void => {
      socket.destroy();
      resolve(value);
    };
    socket.once("data", (greeting) => answer(greeting.toString().startsWith("INFO ")));
    socket.once("error", () => answer(false));
    socket.once("close", () => answer(false));
  });
}

/** Free a moment ago: another process may be quicker, and then the server says so. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}
