// A real pseudo-terminal, as tmux shows it to a person.

import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

export const hasTmux = spawnSync("tmux", ["-V"]).status === 0;

/** A terminal with a shell in it. */
export class Terminal {
  readonly folder = mkdtempSync(join(tmpdir(), "stepwell-terminal-"));
  readonly #name = `stepwell-test-${process.pid}`;

  /** In a folder with the flow as `slow.ts`. */
  constructor(flow: string, size: { readonly columns: number; readonly rows: number }) {
    writeFileSync(join(this.folder, "slow.ts"), flow);
    this.#tmux(
      "-f",
      "/dev/null",
      "new-session",
      "-d",
      "-x",
      String(size.columns),
      "-y",
      String(size.rows),
      "-c",
      this.folder,
      "bash --norc",
    );
    this.type(`PATH=${dirname(process.execPath)}:$PATH; PS1='$ '; unset HISTFILE; clear`);
  }

  type(line: string): void {
    this.#tmux("send-keys", line, "Enter");
  }

  press(key: string): void {
    this.#tmux("send-keys", key);
  }

  interrupt(): void {
    this.press("C-c");
  }

  resize(columns: number, rows: number): void {
    this.#tmux("resize-window", "-x", String(columns), "-y", String(rows));
  }

  /** What is on the screen as soon as it fits; fails with what was there instead. */
  async shows(what: RegExp): Promise<string> {
    const untilMs = performance.now() + 20_000;
    for (;;) {
      const screen = this.#tmux("capture-pane", "-p");
      if (what.test(screen)) return screen;
      assert.ok(performance.now() < untilMs, `${what} is not on the screen:\n${screen}`);
      await sleep(50);
    }
  }

  close(): void {
    this.#tmux("kill-server");
    rmSync(this.folder, { recursive: true, force: true });
  }

  #tmux(...words: string[]): string {
    return execFileSync("tmux", ["-L", this.#name, ...words], {
      encoding: "utf8",
      env: { ...process.env, CI: "", TERM: "xterm", HOME: this.folder },
    });
  }
}
