// Cases of bad input in text files, one section each:
//
//   === what is wrong, as a sentence
//   @@ FILE            its content follows
//   ! VARIABLE=VALUE
//   $ words after `stepwell`
//   --- EXIT CODE
//   what is on stderr, with FOLDER for the folder of the test and HASH for a blob's name
//   --- json
//   what is on stdout with --json; stderr is empty then
//
// UPDATE=1 writes the parts after --- anew.

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { main } from "../../cli/main.ts";

type Case = { readonly title: string; readonly input: string; readonly output: string };

type Said = { readonly exit: number; readonly out: string; readonly err: string };

/** A folder in which commands are said, one test file each. */
export class Folder {
  readonly path = mkdtempSync(join(tmpdir(), "bad-input-"));

  constructor() {
    after(() => rmSync(this.path, { recursive: true, force: true }));
  }

  write(name: string, content: string | Uint8Array): void {
    const file = join(this.path, name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
  }

  async say(words: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Said> {
    const said = { out: "", err: "" };
    const stream = (name: "out" | "err") => ({
      write: (chunk: string | Uint8Array) => Boolean((said[name] += typeof chunk === "string" ? chunk : Buffer.from(chunk).toString())),
      once: () => undefined,
    });
    const exit = await main({
      words,
      env: { STEPWELL_USER: "ana", XDG_CONFIG_HOME: join(this.path, "user"), ...env },
      cwd: this.path,
      stdout: stream("out"),
      stderr: stream("err"),
      version: "1.2.3",
    });
    return { exit, out: this.#general(said.out), err: this.#general(said.err) };
  }

  #general(text: string): string {
    return text.replaceAll(this.path, "FOLDER").replaceAll(/\b[0-9a-f]{2}\/?[0-9a-f]{62}\b/g, "HASH");
  }
}

type Arrange = () => void | Promise<void>;

/** Makes a test of each case in the file. `arrange` holds what some need before their command, by title. */
export function testCases(name: string, folder: Folder, arrange: Readonly<Record<string, Arrange>> = {}): void {
  const file = new URL(name, import.meta.url);
  const cases = parseCases(readFileSync(file, "utf8"));
  const seen: string[] = [];
  for (const { title, input, output } of cases) {
    void test(title, { timeout: 60_000 }, async () => {
      const actual = await observe(folder, input, arrange[title]);
      seen.push(`=== ${title}\n${input}\n${actual}\n`);
      if (process.env["UPDATE"] === undefined) assert.equal(actual, output);
    });
  }
  after(() => {
    if (process.env["UPDATE"] !== undefined) writeFileSync(file, seen.join("\n"));
  });
  const titles = new Set(cases.map(({ title }) => title));
  for (const title of Object.keys(arrange)) assert.ok(titles.has(title), `${name} has no case "${title}"`);
}

function parseCases(text: string): readonly Case[] {
  return text
    .split(/^=== /m)
    .slice(1)
    .map((section) => {
      const [title = "", ...lines] = section.trimEnd().split("\n");
      const cut = lines.findIndex((line) => line.startsWith("--- "));
      const at = cut === -1 ? lines.length : cut;
      return { title, input: lines.slice(0, at).join("\n"), output: lines.slice(at).join("\n") };
    });
}

async function observe(folder: Folder, input: string, arrange: Arrange | undefined): Promise<string> {
  const command = /^\$ (.*)$/m.exec(input)?.[1];
  assert.ok(command !== undefined, `no line with $ in:\n${input}`);
  const before = input.slice(0, input.indexOf(`$ ${command}`));
  for (const part of before.split(/^@@ /m).slice(1)) {
    folder.write(part.slice(0, part.indexOf("\n")), part.slice(part.indexOf("\n") + 1).replace(/^! .*\n/gm, ""));
  }
  const env = Object.fromEntries([...before.matchAll(/^! (\w+)=(.*)$/gm)].map(([, name, value]) => [name, value]));
  const words = [...command.matchAll(/'([^']*)'|[^\s']+/g)].map(([word, quoted]) => quoted ?? word);
  await arrange?.();
  const text = await folder.say(words, env);
  await arrange?.();
  const json = await folder.say([...words, "--json"], env);
  assert.equal(json.exit, text.exit);
  assert.equal(json.err, "");
  assert.doesNotThrow(() => JSON.parse(json.out), json.out);
  return `--- ${text.exit}\n${text.err}--- json\n${json.out.trimEnd()}`;
}
