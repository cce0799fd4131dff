// Bundles the worker into one file, dist/worker/standalone.cjs: it needs Node and nothing else, so that any image that has Node
// can host workers. The file holds a small package, laid out as the real one, and unpacks it at its start: what a step imports
// from `stepwell/s3` or `stepwell/client` is resolved there as everywhere.

import { readFile, writeFile } from "node:fs/promises";
import { relative } from "node:path";
import { brotliCompressSync, constants } from "node:zlib";
import { build, type BuildOptions, type Metafile, type OutputFile, type Plugin } from "esbuild";
import { licencesOf } from "./licences.ts";

/** What a step may import, and what is found beside a module when it is needed. */
const modules = [
  "dist/cli/main.js",
  "dist/cli/client.js",
  "dist/sdk/s3/index.js",
  "dist/sdk/artifact/blocking-thread.js",
  "dist/cli/cluster/remote-store-module.js",
];
/** Asked for by `require`, which no bundler follows. */
const required = ["pino", "string-width"];
/** As they are. */
const copied = ["dist/cli/bin.cjs", "dist/worker/adapters/task-process/program.cjs", "dist/worker/adapters/task-process/launch.cjs"];

/** A module that asks where it is gets the address that it has in the package, wherever the bundler put it. */
const ownAddress: Plugin = {
  name: "own-address",
  setup({ onLoad }) {
    onLoad({ filter: /\/dist\/.*\.js$/ }, async ({ path }) => {
      const text = await readFile(path, "utf8");
      // Strings that hold the words don't ask.
      return { contents: text.replaceAll(/(?<!")import\.meta\.url/g, `__stepwellAddress(${JSON.stringify(relative("dist", path))})`) };
    });
  },
};

/** The file can be told to do one thing. */
const otherCommandsLeftOut: Plugin = {
  name: "other-commands-left-out",
  setup({ onResolve }) {
    onResolve({ filter: /^\.\/commands\// }, ({ path, importer }) =>
      importer.endsWith("/cli/command-loader.js") && path !== "./commands/worker.js" ? { path, external: true } : null,
    );
  },
};

const options: BuildOptions & { readonly write: false; readonly metafile: true } = {
  bundle: true,
  platform: "node",
  target: "node22",
  // Names stay: they are in stack traces.
  minifyWhitespace: true,
  minifySyntax: true,
  write: false,
  metafile: true,
  logLevel: "warning",
  // A program of its own, and services that nobody starts here.
  external: ["esbuild", "@grpc/proto-loader"],
};

type Manifest = Readonly<Record<"name" | "version" | "type", string>> & { readonly exports: Readonly<Record<string, unknown>> };
type Built = { readonly outputFiles: OutputFile[]; readonly metafile: Metafile };

const [own, ...packages]: Built[] = await Promise.all([
  build({
    ...options,
    entryPoints: modules,
    outbase: ".",
    outdir: ".",
    chunkNames: "dist/chunks/[hash]",
    format: "esm",
    splitting: true,
    // Of what is loaded when it is needed, a bundle knows the names only in modules of this form.
    mainFields: ["module", "main"],
    // The bundler does not know of these names: they are ones that nobody else gives.
    banner: {
      js: [
        `import { createRequire as __stepwellCreateRequire } from "node:module";`,
        `const require = __stepwellCreateRequire(import.meta.url), __stepwellAddress = (path) => import.meta.url.replace(/(.*\\/dist\\/).*/, "$1") + path;`,
      ].join(""),
    },
    plugins: [ownAddress, otherCommandsLeftOut],
  }),
  ...required.map((name) =>
    build({ ...options, entryPoints: [{ in: name, out: "index" }], outdir: `node_modules/${name}`, format: "cjs" }),
  ),
]);
if (own === undefined) throw new Error("nothing was bundled");

const here = `${process.cwd()}/`;
const built = [own, ...packages].flatMap(({ outputFiles }) => outputFiles.map(({ path, text }) => [path.replace(here, ""), text] as const));
const taken = await Promise.all(copied.map(async (path) => [path, await readFile(path, "utf8")] as const));
const { name, version, type, exports } = JSON.parse(await readFile("package.json", "utf8")) as Manifest;
const files = Object.fromEntries([
  ...built,
  ...taken,
  ["dist/cli/program.cjs", `exports.main = (process) => import("./main.js").then(({ main }) => main(process));\n`] as const,
  ["package.json", JSON.stringify({ name, version, type, exports: { "./client": exports["./client"], "./s3": exports["./s3"] } })] as const,
]);
const params = { [constants.BROTLI_PARAM_QUALITY]: 9 };
const packed = brotliCompressSync(JSON.stringify(files), { params }).toString("base64");
await writeFile("dist/worker/standalone.cjs", `const packed = "${packed}";\n${await readFile("dist/cli/unpack.cjs", "utf8")}`);
await writeFile("dist/worker/standalone.LICENCES.txt", licencesOf([own, ...packages].map(({ metafile }) => metafile)));
