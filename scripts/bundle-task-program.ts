// Bundles the program of task processes into one file beside its modules in dist/: a process for every task pays for
// every file that it loads.

import { writeFile } from "node:fs/promises";
import { build, type Plugin } from "esbuild";

/** Modules of Node that take milliseconds to load and that many a task never needs: loaded at the first call. */
const lateModules = ["node:crypto", "node:fs/promises"];

const program = "dist/worker/adapters/task-process/main.js";
const bundle = "dist/worker/adapters/task-process/program.cjs";

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

const { outputFiles } = await build({
  entryPoints: [program],
  bundle: true,
  format: "cjs",
  platform: "node",
  target: "node22",
  write: false,
  logLevel: "warning",
  define: { "import.meta.url": "programUrl" },
  banner: { js: `const programUrl = require("node:url").pathToFileURL(__filename).href;` },
  plugins: [loadLate],
});
for (const { contents } of outputFiles) await writeFile(bundle, contents);
