// How the worker that is one file begins (scripts/bundle-worker.ts puts what it unpacks before it): writes the package that it
// holds into a folder of its own, which is gone when it ends, and does there what `stepwell worker` does. As bin.cts, it is
// a script, and `require` is that of whoever runs it.

declare const packed: string;

function unpack(): string {
  const { mkdirSync, mkdtempSync, rmSync, writeFileSync }: FileWriting = require("fs");
  const { dirname, join }: PathParts = require("path");
  const { brotliDecompressSync }: Unpacking = require("zlib");
  const files: Record<string, string> = JSON.parse(brotliDecompressSync(Buffer.from(packed, "base64")).toString());
  const folder = mkdtempSync(join((require("os") as { tmpdir(): string }).tmpdir(), "stepwell-worker-"));
  process.on("exit", function () {
    rmSync(folder, { recursive: true, force: true });
  });
  for (const path of Object.keys(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), files[path] ?? "");
  }
  return join(folder, "dist", "cli", "bin.cjs");
}

type FileWriting = {
  mkdirSync(path: string, options: { recursive: true }): unknown;
  mkdtempSync(prefix: string): string;
  rmSync(path: string, options: { recursive: true; force: true }): void;
  writeFileSync(path: string, text: string): void;
};
type PathParts = { dirname(path: string): string; join(...parts: string[]): string };
type Unpacking = { brotliDecompressSync(bytes: Uint8Array): Buffer };

function startUnpacked(): void {
  const program = unpack();
  process.argv = [process.execPath, program, "worker", ...process.argv.slice(2)];
  // It lies elsewhere each time: nothing compiled would be found again.
  process.env["NODE_DISABLE_COMPILE_CACHE"] = "1";
  require(program);
}

startUnpacked();
