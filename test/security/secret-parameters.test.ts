// The value of a secret parameter is nowhere but in the folder for secrets: in no other file that a run leaves, in nothing that is
// printed, in no command line, and in no environment but that of the command that was given it.

import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { startCoordinator, startWorker } from "../cluster/processes.ts";
import { stepwell, temporaryFolder } from "../command.ts";

const options = { timeout: 60_000 };

const flow = `import { readdirSync, readFileSync } from "node:fs";
import { catchError, current, FlowSpec, parameter, step, type Inputs } from "stepwell";

/** Processes that have the text in their command line, or in their environment. */
function holders(text: string): string[] {
  const found: string[] = [];
  for (const pid of readdirSync("/proc").filter((name) => /^\\d+$/.test(name))) {
    try {
      const words = readFileSync("/proc/" + pid + "/cmdline");
      if (words.includes(text)) found.push("words of " + pid);
      // Who was given the secrets has them in its own environment.
      if (/bin\\.cjs\\0(run|resume)\\0/.test(words.toString())) continue;
      if (readFileSync("/proc/" + pid + "/environ").includes(text)) found.push("environment of " + words.toString().replaceAll("\\0", " "));
    } catch {
      continue; // It has ended, or is somebody else's.
    }
  }
  return found;
}

export class LeakyFlow extends FlowSpec {
  token = parameter.string({ secret: true, required: true });
  settings = parameter.json<{ password: string }>({ secret: true });
  key = parameter.file({ secret: true, as: "bytes" });
  declare items: number[];
  declare found: string[];
  declare read: number[];
  declare problem?: Error;
  declare report: object;
  @step start() {
    this.items = [1, 2];
    this.found = holders(this.token).concat(holders(String(this.settings?.password)));
    return this.next(this.work, { foreach: "items" });
  }
  @step work() {
    console.log(this.token);
    console.error("in a line: " + this.token + " and " + JSON.stringify(this.settings), { nested: [this.token, this.settings] });
    console.log(Buffer.from(this.token).toString("base64"), encodeURIComponent(this.token), String(this.key), current.parameters);
    this.read = [this.token.length, this.settings!.password.length, this.key!.length];
    return this.next(this.join);
  }
  @step join(inputs: Inputs<this>) {
    console.log(inputs[0]?.token, inputs.length);
    this.mergeArtifacts(inputs);
    return this.next(this.risky);
  }
  @catchError({ var: "problem" })
  @step risky() {
    if (this.token !== "") throw new Error("401 for " + this.token + " of " + this.settings?.password);
    return this.next(this.end);
  }
  @step end() {
    console.log(this.problem);
    this.report = { found: this.found, read: this.read };
  }
}
`;

/** Told from everything else by how it begins, and hard to write down by how it goes on. */
const secret = fc
  .tuple(fc.stringMatching(/^[0-9a-f]{16}$/), fc.string({ unit: "binary", minLength: 1, maxLength: 30 }))
  .map(([mark, rest]) => ({ mark, text: mark + rest.replaceAll("\0", '"\\\n') }));
const secrets = fc.record({ token: secret, password: secret, key: secret });

type Secrets = typeof secrets extends fc.Arbitrary<infer T> ? T : never;

/** How the bytes of the text read in base64, wherever in a longer value they are. */
function inBase64(text: string): readonly string[] {
  return [0, 1, 2].map((before) => {
    const all = Buffer.concat([Buffer.alloc(before), Buffer.from(text)]).toString("base64");
    return all.slice(before === 0 ? 0 : before + 1, 4 * Math.floor((before + text.length) / 3));
  });
}

const isForSecrets = (path: string): boolean => /\/secrets\/LeakyFlow\.\d+\.json$/.test(path);

/** Every file in the folder, with its content. */
function* filesIn(folder: string): Iterable<readonly [string, Buffer]> {
  if (!existsSync(folder)) return;
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile()) yield [path, readFileSync(path)];
  }
}

/** Where one of the secrets is found. */
function leaks(given: Secrets, places: Iterable<readonly [string, Buffer | string]>): readonly string[] {
  const marks = Object.entries(given).flatMap(([name, { mark }]) => [mark, ...inBase64(mark)].map((text) => [name, text] as const));
  return [...places].flatMap(([place, content]) =>
    marks.filter(([, text]) => content.includes(text)).map(([name]) => `${name} in ${place}`),
  );
}

type Place = { readonly folder: string; readonly env: Readonly<Record<string, string>> };

/** Runs the flow with these secrets, and returns what the commands have said. */
async function runWith({ token, password, key }: Secrets, { folder, env }: Place): Promise<readonly string[]> {
  writeFileSync(join(folder, "key"), key.text);
  const params = JSON.stringify({ settings: { password: password.text } });
  writeFileSync(join(folder, "params.json"), params);
  const given = { ...env, STEPWELL_PARAM_TOKEN: token.text };
  const run = await stepwell(folder, ["run", "leaky.ts", "--params", "params.json", "--key", "key", "--json", "--log-level", "debug"], {
    env: given,
  });
  assert.equal(run.code, 0, run.stderr);
  const resumed = await stepwell(folder, ["resume", "latest", "work", "-q"], { env });
  assert.equal(resumed.code, 0, resumed.stderr);
  const got = await stepwell(folder, ["get", "latest/end/0/report", "--json"], { env });
  const read = [token.text.length, password.text.length, Buffer.byteLength(key.text)];
  assert.deepEqual(JSON.parse(got.stdout), { found: [], read }, got.stderr);
  return [run, resumed, got].flatMap(({ stdout, stderr }) => [stdout, stderr]);
}

test("marks are found as they are and in base64, wherever they are", () => {
  const given = {
    token: { mark: "0123456789abcdef", text: "" },
    password: { mark: "x".repeat(16), text: "" },
    key: { mark: "y".repeat(16), text: "" },
  };
  for (const before of ["", "a", "ab", "abc"]) {
    const hidden = Buffer.from(`${before}0123456789abcdef and more`).toString("base64");
    assert.deepEqual(new Set(leaks(given, [["here", hidden]])), new Set(["token in here"]));
  }
  assert.deepEqual(leaks(given, [["here", "0123456789abcde"]]), []);
});

/** The secrets are in the files that are for them, which shows that they would be found elsewhere, and in nothing else. */
function checkSecrecy(given: Secrets, kept: readonly (readonly [string, Buffer])[], said: readonly string[]): void {
  const own = kept.filter(([path]) => isForSecrets(path));
  const others = kept.filter(([path]) => !isForSecrets(path));
  assert.ok(others.length > 10);
  assert.deepEqual(new Set(leaks(given, own).map((leak) => leak.split(" ")[0])), new Set(["token", "password", "key"]));
  assert.deepEqual(leaks(given, [...others, ...said.map((text) => ["what was said", text] as const)]), []);
}

test("on one machine", options, async () => {
  using temporary = temporaryFolder();
  const folder = join(temporary.path, "project");
  mkdirSync(folder);
  writeFileSync(join(folder, "leaky.ts"), flow);
  const env = { XDG_CACHE_HOME: join(temporary.path, "cache"), TMPDIR: temporary.path };
  await fc.assert(
    fc.asyncProperty(secrets, async (given) => {
      const said = await runWith(given, { folder, env });
      checkSecrecy(given, [...filesIn(join(folder, ".stepwell")), ...filesIn(env.XDG_CACHE_HOME)], said);
    }),
    { numRuns: 3, endOnFailure: true },
  );
});

test("in a cluster", options, async () => {
  using temporary = temporaryFolder();
  const folder = join(temporary.path, "user");
  mkdirSync(folder);
  writeFileSync(join(folder, "leaky.ts"), flow);
  const cluster = await startCoordinator(temporary.path, ["--listen", "127.0.0.1:0", "--log-level", "debug"]);
  await using coordinator = cluster.coordinator;
  // As on another machine: blobs come and go over HTTP, and lie in the worker's cache.
  writeFileSync(join(temporary.path, "data/artifacts/mark"), "of another machine\n");
  await using worker = await startWorker(cluster, 0, ["--log-level", "debug", "--slots", "2"]);
  await fc.assert(
    fc.asyncProperty(secrets, async (given) => {
      const said = await runWith(given, { folder, env: cluster.env });
      const folders = ["data", "cache", "user/.stepwell"].map((name) => join(temporary.path, name));
      const kept = folders.flatMap((each) => [...filesIn(each)]);
      checkSecrecy(given, kept, [...said, coordinator.text, worker.text]);
    }),
    { numRuns: 2, endOnFailure: true },
  );
});
