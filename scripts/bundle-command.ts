// Bundles the command line into one file, dist/cli/program.cjs: a command pays for every file that it loads. Within it,
// what a command loads when it needs it is still evaluated only then. The modules beside it are what programs import.

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

const { metafile } = await build({
  entryPoints: [`${folder}/main.js`],
  outfile: `${folder}/program.cjs`,
  banner: { js: `const addressOf = (path) => require("node:url").pathToFileURL(require("node:path").join(__dirname, path)).href;` },
  bundle: true,
  format: "cjs",
  platform: "node",
  target: "node22",
  // A program of its own; and what gRPC needs for a service that nobody here starts.
  external: ["esbuild", "@grpc/proto-loader"],
  // Every byte is read and compared with what was compiled before. Names stay: they are in stack traces.
  minifyWhitespace: true,
  minifySyntax: true,
  plugins: [ownAddress],
  metafile: true,
  logLevel: "warning",
});
await writeFile(`${folder}/program.LICENCES.txt`, licencesOf(metafile));
