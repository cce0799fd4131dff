// docs/data.md is true: its flow compiles, runs, and prints what the page shows; its calls are those that there are.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { after, before, test } from "node:test";
import * as entry from "../../sdk/s3/index.ts";
import { S3 } from "../../sdk/s3/s3.ts";
import { bin, cleanEnvironment } from "../command.ts";
import { useTestCredentials } from "../s3/fixture.ts";
import { S3Server } from "../s3-server/server.ts";
import { blocksOf, readMarkdown, sectionOf } from "./markdown.ts";
import { assertShows } from "./output.ts";
import { typeErrorsOf, writeProject } from "./project.ts";

const page = readMarkdown("docs/data.md");
const blocks = blocksOf(page);
const flow = blocks.find(({ language }) => language === "ts");
const project = writeProject([{ name: flow?.note ?? "", text: flow?.text ?? "" }]);
let server: S3Server;

before(async () => {
  useTestCredentials();
  server = await S3Server.start({ bucket: "my-bucket" });
});
after(async () => {
  project[Symbol.dispose]();
  await server.close();
});

test("the flow runs as the page shows", { timeout: 60_000 }, async () => {
  const commands = blocks.find(({ language }) => language === "sh")?.text ?? "";
  // The SDK looks there for a server; the page's is AWS.
  assert.match(commands, /s3:\/\/my-bucket\/data\n.*npx stepwell /);
  const here = commands
    .replace("s3://my-bucket/data", `s3://my-bucket/data?endpoint=${server.url}`)
    .replace("npx stepwell ", `${process.execPath} ${bin} `);
  const child = spawn("sh", ["-c", here], { cwd: project.path, env: cleanEnvironment(), stdio: ["ignore", "pipe", "inherit"] });
  let printed = "";
  for await (const chunk of child.stdout.setEncoding("utf8")) printed += String(chunk);
  assertShows(blocks.find(({ language }) => language === "text")?.text ?? "", printed, "docs/data.md");
  assert.ok(server.bucket("my-bucket").objects.has("data/WordsFlow/1/texts/b.txt"));
});

test("the flow compiles in strict mode", () => {
  assert.equal(typeErrorsOf(project.path), "");
});

test("every call of the page is one, and none is left out", () => {
  const named = [...sectionOf(page, "What there is").matchAll(/^\| (`.*`) \|.*\|$/gm)].flatMap(([, cell = ""]) => [
    ...cell.matchAll(/`(\w+)\(/g),
  ]);
  const calls = named.map(([, name = ""]) => name);
  const methods = Object.getOwnPropertyNames(S3.prototype).filter((name) => !["constructor", "root", "close"].includes(name));
  assert.deepEqual(calls.toSorted(), methods.toSorted());
  assert.deepEqual(Object.keys(entry).toSorted(), ["S3Error", "S3File", "S3Results", "openS3"]);
});
