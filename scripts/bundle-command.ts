// Bundles the command line into two files, dist/cli/program.cjs and grpc.cjs: a command pays for every file that it loads.
// What a command loads when it needs it is still evaluated only then. The modules beside them are what programs import.

import { readFile, writeFile } from "node:fs/promises";
import { relative } from "node:path";
import { build, type Plugin } from "esbuild";
import { licencesOf } from "./licences.ts";

const folder = "dist/cli";

/** A module that asks where it is gets the address that it has outside of the bundle. */
const ownAddress: Plugin = {
  name: "own-address",
  setup({ onLoad }) {
    onLoad({ filter: /\/dist\/.*\.js$/ }, async ({ path }) => {
      const text = await readFile(path, "utf8");
      // Strings that hold the words don't ask.
      return { contents: text.replaceAll(/(?<!")import\.meta\.url/g, `addressOf(${JSON.stringify(relative(folder, path))})`) };
    });
  },
};

/** In a file of its own, which is as large as all the rest and which few commands need. */
const transport = "@grpc/grpc-js";
const transportApart: Plugin = {
  name: "transport-apart",
  setup({ onResolve }) {
    onResolve({ filter: new RegExp(`^${transport}$`) }, () => ({ path: "./grpc.cjs", external: true }));
  },
};

const options = {
  bundle: true,
  format: "cjs",
  platform: "node",
  target: "node22",
  // Every byte is read and compared with what was compiled before. Names stay: they are in stack traces.
  minifyWhitespace: true,
  minifySyntax: true,
  metafile: true,
  logLevel: "warning",
} as const;

const program = await build({
  ...options,
  entryPoints: [`${folder}/main.js`],
  outfile: `${folder}/program.cjs`,
  banner: { js: `const addressOf = (path) => require("node:url").pathToFileURL(require("node:path").join(__dirname, path)).href;` },
  // A program of its own.
  external: ["esbuild"],
  plugins: [ownAddress, transportApart],
});
const grpc = await build({
  ...options,
  entryPoints: [transport],
  outfile: `${folder}/grpc.cjs`,
  // For a service that nobody here starts.
  external: ["@grpc/proto-loader"],
});
await writeFile(`${folder}/program.LICENCES.txt`, licencesOf([program.metafile, grpc.metafile]));
