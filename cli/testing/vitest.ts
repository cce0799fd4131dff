// The package entry `stepwell/testing/vitest`: lets Vitest run flows. Vite's own compiler passes decorators through, and no
// Node knows them, so this plugin lowers them first, as `stepwell run` does.

import { transform } from "esbuild";

/** What Vite calls of a plugin; its own type is not needed for it. */
export type FlowsPlugin = {
  readonly name: string;
  readonly enforce: "pre";
  transform(code: string, id: string): Promise<{ readonly code: string; readonly map: string } | null>;
};

/** `export default defineConfig({ plugins: [flows()] })` in vitest.config.ts. */
export function flows(): FlowsPlugin {
  return {
    name: "stepwell-flows",
    enforce: "pre",
    async transform(code, id) {
      const [file = ""] = id.split("?");
      const extension = /\.[cm]?(?<language>[jt]sx?)$/.exec(file)?.groups?.["language"];
      if (extension === undefined || file.includes("/node_modules/") || !hasDecorators(code)) return null;
      const { code: lowered, map } = await transform(code, {
        loader: loaders[extension] ?? "ts",
        sourcefile: file,
        sourcemap: "external",
        target: "node22",
        // The decorators are those of the language, whatever the project's tsconfig.json says.
        tsconfigRaw: { compilerOptions: { experimentalDecorators: false } },
      });
      return { code: lowered, map };
    },
  };
}

const loaders: Readonly<Record<string, "js" | "jsx" | "ts" | "tsx">> = { js: "js", jsx: "jsx", ts: "ts", tsx: "tsx" };

/** May be mistaken by a text or a comment, which costs a needless transformation. */
function hasDecorators(code: string): boolean {
  return /(^|[\s;{}])@[A-Za-z_$]/.test(code);
}
