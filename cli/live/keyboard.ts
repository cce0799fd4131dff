// Single keys, as they are pressed, while a run is being watched.
//
// Invariants:
// K1. The terminal is as it was again after `close`, and while the process is stopped (Ctrl-Z).
// K2. A process in the background doesn't touch the terminal: the system would stop it for that.

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import type { Keys } from "../terminal.ts";

/** What these keys do in a terminal by themselves, and don't any more where each key comes alone. */
const signals: Readonly<Record<string, NodeJS.Signals>> = { "\u0003": "SIGINT", "\u001A": "SIGTSTP", "\u001C": "SIGQUIT" };

export class Keyboard {
  readonly #input: Keys;
  readonly #onKey: (key: string) => void;
  #open = false;

  constructor(input: Keys, onKey: (key: string) => void) {
    this.#input = input;
    this.#onKey = onKey;
    process.on("SIGCONT", this.#start);
    this.#start();
  }

  close(): void {
    process.off("SIGCONT", this.#start);
    this.#stop();
  }

  readonly #start = (): void => {
    if (this.#open || !inForeground()) return;
    this.#open = true;
    this.#input.setRawMode(true);
    this.#input.on("data", this.#take);
    this.#input.on("error", this.#stop);
    this.#input.resume();
  };

  readonly #stop = (): void => {
    if (!this.#open) return;
    this.#open = false;
    this.#input.off("data", this.#take);
    this.#input.pause();
    this.#input.setRawMode(false);
  };

  readonly #take = (typed: Uint8Array | string): void => {
    for (const key of String(typed)) {
      const signal = signals[key];
      if (signal === undefined) {
        this.#onKey(key);
        continue;
      }
      if (signal !== "SIGINT") this.#stop();
      process.kill(process.pid, signal);
    }
  };
}

/** Whether the terminal belongs to this process's group now. */
export function inForeground(platform: NodeJS.Platform = process.platform): boolean {
  if (platform === "linux") {
    // After the command's name, which may hold anything: state, parent, group, session, terminal, the terminal's group.
    const stat = readFileSync("/proc/self/stat", "utf8");
    const [, , group, , , foreground] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return group === foreground;
  }
  return spawnSync("ps", ["-o", "stat=", "-p", String(process.pid)], { encoding: "utf8" }).stdout.includes("+");
}
