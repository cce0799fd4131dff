// Bundles the program of task processes into one file beside its modules in dist/, and what loads it into another: a
// process for every task pays for every file that it loads.

import { build, type Plugin } from "esbuild";

/** Modules of Node that take milliseconds to load and that many a task never needs: loaded at the first call. */
const lateModules = ["node:crypto", "node:fs/promises", "node:module", "node:os"];

const folder = "dist/worker/adapters/task-process";

const loadLate: Plugin = {
  name: "load-late",
  setup({ onResolve, onLoad }) {
    const filter = new RegExp(`^(${lateModules.join("|")})$`);
    onResolve({ filter }, ({ path }) => ({ path, namespace: "late" }));
    onLoad({ filter: /.*/, namespace: "late" }, async ({ path }) => {
      const module: Readonly<Record<string, unknown>> = await import(path);
      const names = Object.keys(module).filter((name) => name !== "default" && typeof module[name] === "function");
      const functions = names.map((name) => `export const ${name} = (...args) => load().${name}(...args);`);
      return { contents: `const load = () => process.getBuiltinModule("${path}");\n${functions.join("\n")}` };
    });
  },
};

const options = { bundle: true, format: "cjs", platform: "node", target: "node22", logLevel: "warning" } as const;

await build({
  ...options,
  entryPoints: [`${folder}/program.js`],
  outfile: `${folder}/program.cjs`,
  // Every byte is read. Names stay: they are in stack traces.
  minifyWhitespace: true,
  minifySyntax: true,
  define: { "import.meta.url": "programUrl" },
  banner: { js: `const programUrl = require("node:url").pathToFileURL(__filename).href;` },
  footer: { js: `if (require.main === module) module.exports.serveTasks(process.argv.slice(2), () => undefined);` },
  plugins: [loadLate],
});
await build({ ...options, entryPoints: [`${folder}/launch.js`], outfile: `${folder}/launch.cjs` });
