// Bundles the command line into a few files, dist/cli/program.cjs and large packages beside it: a command pays for every file that it loads.
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

/** Each in a file of its own: large, and needed by few commands. */
const apart = [
  { name: "@grpc/grpc-js", file: "grpc.cjs" },
  { name: "marked", file: "marked.cjs" },
];
const packagesApart: Plugin = {
  name: "packages-apart",
  setup({ onResolve }) {
    for (const { name, file } of apart)
      onResolve({ filter: new RegExp(`^${name}$`) }, ({ kind }) => (kind === "entry-point" ? null : { path: `./${file}`, external: true }));
  },
};

/** Commands that serve a cluster, and that nobody waits for: their modules are loaded as they are, and others don't pay for them. */
const serving = ["coordinator", "worker", "up"];
const servingApart: Plugin = {
  name: "serving-apart",
  setup({ onResolve }) {
    onResolve({ filter: new RegExp(`^\\./commands/(?:${serving.join("|")})\\.js$`) }, ({ path }) => ({ path, external: true }));
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
  // A program of its own; and what only those load who use a bucket.
  external: ["esbuild", "@aws-sdk/*"],
  plugins: [ownAddress, packagesApart, servingApart],
});
const packages = await Promise.all(
  apart.map(({ name, file }) =>
    build({
      ...options,
      entryPoints: [name],
      outfile: `${folder}/${file}`,
      // For a service that nobody here starts.
      external: ["@grpc/proto-loader"],
    }),
  ),
);
await writeFile(`${folder}/program.LICENCES.txt`, licencesOf([program, ...packages].map(({ metafile }) => metafile)));
