// A folder of one's own in which commands are given, inside the test's own process.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { main } from "../../cli/main.ts";
import type { Environment } from "../../cli/terminal.ts";

export type Said = { readonly exit: number; readonly out: string; readonly err: string };

export class Project {
  readonly folder = mkdtempSync(join(tmpdir(), "stepwell-project-"));

  write(name: string, text: string): void {
    writeFileSync(join(this.folder, name), text);
  }

  /** Words are separated by spaces; `env` adds to a person's (`ana`) variables. */
  say(line: string | readonly string[], env: Environment = {}): Promise<Said> {
    return this.begin(line, env).ended;
  }

  /** Gives a command and lets it run: what it said so far can be read meanwhile. */
  begin(
    line: string | readonly string[],
    env: Environment = {},
  ): { readonly said: { out: string; err: string }; readonly ended: Promise<Said> } {
    const said = { out: "", err: "" };
    const stream = (name: "out" | "err") => ({
      write: (chunk: string | Uint8Array) => {
        said[name] += typeof chunk === "string" ? chunk : Buffer.from(chunk).toString();
        return true;
      },
      once: () => undefined,
    });
    const words = typeof line === "string" ? line.split(" ").filter((word) => word !== "") : line;
    const ended = main({
      words,
      env: { STEPWELL_USER: "ana", XDG_CONFIG_HOME: this.folder, ...env },
      cwd: this.folder,
      stdout: stream("out"),
      stderr: stream("err"),
      version: "1.2.3",
    });
    return { said, ended: ended.then((exit) => ({ exit, ...said })) };
  }

  /** What the command says on stdout; it must succeed. */
  async ask(line: string | readonly string[], env: Environment = {}): Promise<string> {
    const { exit, out, err } = await this.say(line, env);
    assert.equal(exit, 0, `stepwell ${String(line)} ended with ${exit}:\n${err}${out}`);
    return out;
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
