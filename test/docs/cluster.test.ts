// The README's chapter about clusters and docs/cluster.md, as a reader follows them: terminals that stay open, files, commands,
// and the output that they show. One after the other, since both use the usual port.

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { test } from "node:test";
import { bin, cleanEnvironment, processesOf, stepwell } from "../command.ts";
import { type Block, blocksOf, readMarkdown, sectionOf } from "./markdown.ts";
import { assertShows } from "./output.ts";
import { typeErrorsOf, writeProject } from "./project.ts";

/** Says that what was started in a terminal is ready. */
const ready = /"event":"(?:coordinator\.listening|worker\.welcomed)"/;

class Reader {
  readonly #home: string;
  readonly folder: string;
  readonly #terminals: ReturnType<typeof spawn>[] = [];
  /** What was exported stays for the commands after it. */
  #env: NodeJS.ProcessEnv;
  #printed = "";

  /** `home` holds the project and what lies beside it. */
  constructor(home: string, folder: string) {
    this.#home = home;
    this.folder = folder;
    // `npx stepwell` is this checkout's.
    const tools = join(home, "tools");
    mkdirSync(tools);
    writeFileSync(join(tools, "npx"), `#!/bin/sh\nshift\nexec "${process.execPath}" "${bin}" "$@"\n`);
    chmodSync(join(tools, "npx"), 0o755);
    const path = [tools, process.env["PATH"] ?? ""].join(delimiter);
    this.#env = { ...cleanEnvironment(), PATH: path, STEPWELL_USER: "ada", XDG_CACHE_HOME: join(home, "cache") };
  }

  async follow(block: Block, where: string): Promise<void> {
    if (block.language === "text") assertShows(block.text, this.#printed.replaceAll(this.folder, "…"), where);
    else if (block.language === "ts" || block.language === "json") writeFileSync(join(this.folder, block.note), block.text);
    else if (block.note.startsWith("terminal=")) await this.#open(block.text, where);
    else this.#type(block.text, where);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const terminal of this.#terminals) if (terminal.pid !== undefined) process.kill(-terminal.pid, "SIGKILL");
    await stepwell(this.folder, ["down"]);
  }

  #type(text: string, where: string): void {
    const script = `exec 2>&1\nset -e\n${text}\nexport -p > ${this.#home}/exported`;
    const before = `[ -f ${this.#home}/exported ] && . ${this.#home}/exported\n`;
    const ran = spawnSync("bash", ["-c", before + script], { cwd: this.folder, env: this.#env, encoding: "utf8", timeout: 60_000 });
    assert.equal(ran.status, 0, `${where} ended with ${ran.status ?? ran.signal}:\n${text}\n${ran.stdout}`);
    this.#printed = ran.stdout;
  }

  /** A terminal that stays open. */
  #open(text: string, where: string): Promise<void> {
    // A group of its own, so that what is started in it ends with it.
    const terminal = spawn("bash", ["-c", text], { cwd: this.folder, env: this.#env, stdio: ["ignore", "ignore", "pipe"], detached: true });
    this.#terminals.push(terminal);
    let said = "";
    return new Promise((resolve, reject) => {
      terminal.stderr?.on("data", (chunk: Buffer) => {
        said += String(chunk);
        if (ready.test(said)) resolve();
      });
      terminal.once("exit", (code) => reject(new Error(`${where} ended with ${code}:\n${said}`)));
    });
  }
}

for (const [page, text] of [
  ["README.md", sectionOf(readMarkdown("README.md"), "A cluster of your own machines")],
  ["docs/cluster.md", readMarkdown("docs/cluster.md")],
] as const) {
  test(`${page} does what it says of clusters`, { timeout: 120_000 }, async (t) => {
    using project = writeProject([]);
    const folder = join(project.path, "my-flows");
    mkdirSync(folder);
    assert.equal((await stepwell(folder, ["init"])).code, 0);
    {
      await using reader = new Reader(project.path, folder);
      for (const block of blocksOf(text)) {
        const where = `${page}, "${block.heading}": \`\`\`${block.language} ${block.note}`;
        await t.test(`${where} ${block.text.split("\n")[0] ?? ""}`, () => reader.follow(block, where));
      }
    }
    assert.equal(typeErrorsOf(folder), "");
    assert.deepEqual(processesOf(project.path), []);
  });
}
