#!/usr/bin/env node
// The command `stepwell`. Written so that every Node since 10 can parse it: an old one gets a sentence, not a syntax
// error. Answers the cheapest question, for the version, without loading anything.

const fs: FileSystem = require("fs");
const path: Paths = require("path");

// No import of types: this file is a script, not a module, and old versions of Node read it too.
type FileSystem = { existsSync(file: string): boolean; readFileSync(file: string, encoding: "utf8"): string };
type Paths = { join(...parts: string[]): string };

const nodeNeeded = "22.13";

function olderThan(version: string, needed: string): boolean {
  const have = version.split(".").map(Number);
  const want = needed.split(".").map(Number);
  return have[0] !== want[0] ? Number(have[0]) < Number(want[0]) : Number(have[1]) < Number(want[1]);
}

/** The package's own description lies above the source, and one folder higher above the built files. */
function packageVersion(): string {
  const beside = path.join(__dirname, "..", "package.json");
  const file = fs.existsSync(beside) ? beside : path.join(__dirname, "..", "..", "package.json");
  return JSON.parse(fs.readFileSync(file, "utf8")).version;
}

/** A reader that has gone (`| head -1`) is no error; the command may still have work to finish. */
function tolerateClosedPipes(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", function (error: Error & { code?: string }) {
      if (error.code !== "EPIPE") throw error;
    });
  }
}

function openStdin(): NodeJS.ReadStream {
  return process.stdin;
}

function importMain() {
  return import("./main.ts");
}

/** The user's own: whoever can write compiled code there decides what runs. Node's default is a folder that all users share. */
function compiledFolder(): string {
  const os: { homedir(): string } = require("os");
  return path.join(process.env["XDG_CACHE_HOME"] || path.join(os.homedir(), ".cache"), "stepwell", "compiled");
}

/** What is built is bundled, and keeps its compiled code: see scripts/bundle-command.ts. */
function loadMain(): ReturnType<typeof importMain> {
  if (__filename.endsWith(".cts")) return importMain();
  require("module").enableCompileCache(compiledFolder());
  return Promise.resolve(require(path.join(__dirname, "program.cjs")));
}

/** Parameters may be secrets, which no process that is started from here has any use for. */
function takeEnvironment(): NodeJS.ProcessEnv {
  const taken = { ...process.env };
  for (const name of Object.keys(taken)) if (name.startsWith("STEPWELL_PARAM_")) delete process.env[name];
  return taken;
}

function runMain(words: string[], version: string): Promise<void> {
  const { stdout, stderr } = process;
  const env = takeEnvironment();
  return loadMain()
    .then(function (loaded) {
      return loaded.main({
        words: words,
        env: env,
        cwd: process.cwd(),
        stdout: stdout,
        stderr: stderr,
        stdin: openStdin,
        version: version,
      });
    })
    .then(function (code) {
      process.exitCode = code;
      // Interrupted or out of time: what is still open must not hold the process up.
      if (code >= 124) process.exit();
      return undefined;
    });
}

function start(words: string[]): void {
  if (olderThan(process.versions.node, nodeNeeded)) {
    process.stderr.write("error[SW2010]: stepwell needs Node " + nodeNeeded + " or later, and this is " + process.versions.node + "\n");
    process.stderr.write("  hint: in the project, npm install node@24; then npx stepwell, which takes that one\n");
    process.exitCode = 2;
    return;
  }
  const version = packageVersion();
  if (words.length === 1 && (words[0] === "version" || words[0] === "--version" || words[0] === "-V")) {
    process.stdout.write(version + "\n");
    return;
  }
  tolerateClosedPipes();
  void runMain(words, version);
}

start(process.argv.slice(2));
