// Every kind of value that a step can keep, as `stepwell get` gives it to people, programs and files.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Project } from "./project.ts";

const options = { timeout: 60_000 };
const project = new Project();

const fileBytes = 3_000_000;
const model = JSON.stringify(join(project.folder, "model.bin"));

const flow = `import { writeFileSync } from "node:fs";
import { FlowSpec, artifact, parameter, step, type ArtifactFile } from "stepwell";
export class KindsFlow extends FlowSpec {
  rate = parameter.number({ default: 0.5 });
  token = parameter.string({ default: "sesame", secret: true });
  declare text: string;
  declare number: number;
  declare nothing: null;
  declare missing: undefined;
  declare nan: number;
  declare big: bigint;
  declare date: Date;
  declare pattern: RegExp;
  declare map: Map<string, number>;
  declare pairs: Map<object, number>;
  declare set: Set<number>;
  declare bytes: Uint8Array;
  declare floats: Float64Array;
  declare list: object[];
  declare long: number[];
  declare error: Error;
  declare circle: object;
  declare file: ArtifactFile;
  @step start() {
    this.text = "two\\nlines";
    this.number = 3.25;
    this.nothing = null;
    this.missing = undefined;
    this.nan = NaN;
    this.big = 12345678901234567890n;
    this.date = new Date(0);
    this.pattern = /x+/g;
    this.map = new Map([["a", 1]]);
    this.pairs = new Map([[{ k: 1 }, 2]]);
    this.set = new Set([1, 2]);
    this.bytes = new TextEncoder().encode("abc");
    this.floats = new Float64Array([0.5, -1]);
    this.list = [{ a: 1 }];
    this.long = Array.from({ length: 1000 }, (_, index) => index);
    this.error = new TypeError("bad", { cause: new Error("worse") });
    const circle: { self?: object } = {};
    circle.self = circle;
    this.circle = circle;
    writeFileSync(${model}, Buffer.alloc(${fileBytes}, 7));
    this.file = artifact.file(${model});
    return this.next(this.end);
  }
  @step end() {}
}
`;

before(async () => {
  project.write("kinds.ts", flow);
  await project.ask("run kinds.ts -q");
});
after(() => project[Symbol.dispose]());

const values: Readonly<Record<string, { readonly text: RegExp; readonly json: unknown }>> = {
  text: { text: /^two\nlines\n$/, json: "two\nlines" },
  number: { text: /^3\.25\n$/, json: 3.25 },
  nothing: { text: /^null\n$/, json: null },
  missing: { text: /^undefined\n$/, json: null },
  nan: { text: /^NaN\n$/, json: "NaN" },
  big: { text: /^12345678901234567890n\n$/, json: "12345678901234567890" },
  date: { text: /^1970-01-01T00:00:00\.000Z\n$/, json: "1970-01-01T00:00:00.000Z" },
  pattern: { text: /^\/x\+\/g\n$/, json: "/x+/g" },
  map: { text: /^Map\(1\) \{ 'a' => 1 \}\n$/, json: { a: 1 } },
  pairs: { text: /^Map\(1\) \{ \{ k: 1 \} => 2 \}\n$/, json: [[{ k: 1 }, 2]] },
  set: { text: /^Set\(2\) \{ 1, 2 \}\n$/, json: [1, 2] },
  bytes: { text: /^Uint8Array\(3\) \[ 97, 98, 99 \]\n$/, json: "YWJj" },
  floats: { text: /^Float64Array\(2\) \[ 0\.5, -1 \]\n$/, json: [0.5, -1] },
  list: { text: /^\[ \{ a: 1 \} \]\n$/, json: [{ a: 1 }] },
  long: { text: /\.\.\. 800 more items\n\]\n$/, json: Array.from({ length: 1000 }, (_, index) => index) },
  error: { text: /^\[TypeError: bad\] \{ \[cause\]: \[Error: worse\] \}\n$/, json: { name: "TypeError", message: "bad" } },
  circle: { text: /^<ref \*1> \{ self: \[Circular \*1\] \}\n$/, json: { self: "[circular]" } },
  rate: { text: /^0\.5\n$/, json: 0.5 },
};

for (const [name, { text, json }] of Object.entries(values)) {
  void test(`${name}: for people and as JSON`, options, async () => {
    assert.match(await project.ask(`get KindsFlow/1/end/0/${name}`), text);
    assert.deepEqual(JSON.parse(await project.ask(`get KindsFlow/latest/end/0/${name} --json`)), json);
  });
}

void test("a file is written as it is, and told about otherwise", options, async () => {
  await project.ask("get latest/end/0/file --out copy.bin");
  assert.deepEqual(readFileSync(join(project.folder, "copy.bin")), Buffer.alloc(fileBytes, 7));
  assert.match(
    await project.ask("get latest/end/0/file"),
    new RegExp(`^file model\\.bin \\(${fileBytes} bytes, sha256 [0-9a-f]{64}\\)\\n$`),
  );
});

void test("--out and raw write strings and bytes without anything around them, and the rest as JSON", options, async () => {
  await project.ask("get latest/start/0/floats --out floats.bin");
  assert.deepEqual(readFileSync(join(project.folder, "floats.bin")), Buffer.from(new Float64Array([0.5, -1]).buffer));
  assert.equal(await project.ask("get latest/start/0/text --format raw"), "two\nlines");
  assert.equal(await project.ask("get latest/start/0/list --format raw"), '[{"a":1}]\n');
  await project.ask("get latest/start/0/floats --format json --out floats.json");
  assert.equal(readFileSync(join(project.folder, "floats.json"), "utf8"), "[0.5,-1]\n");
});

void test("a list of artifacts names all, parameters too, but for secret ones", options, async () => {
  const table = await project.ask("artifacts latest");
  assert.match(table, /^rate +number +\d+ B +[0-9a-f]{12} +parameter$/m);
  assert.match(table, /^floats +Float64Array\(2\) +\d+ B +[0-9a-f]{12} +before$/m);
  assert.match(await project.ask("artifacts latest/start"), /^floats .* here$/m);
  assert.doesNotMatch(table, /token/);
  const { exit, err, out } = await project.say("get latest/end/0/token");
  assert.equal(exit, 2);
  assert.match(err, /token is a secret parameter of KindsFlow\/1: its value is not kept where it could be read/);
  assert.doesNotMatch(err + out, /sesame/);
});
