// The places in which output is shown, and the comparison with what is kept in this folder. After a wanted change:
// node --test --test-update-snapshots cli/golden/*.test.ts

import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { openTerminal, type Sink } from "../terminal.ts";

export type Place = {
  readonly name: string;
  readonly columns: number;
  readonly rows: number;
  readonly isTTY: boolean;
  readonly env: Record<string, string>;
};

export const places: readonly Place[] = [
  { name: "tty-80x24", columns: 80, rows: 24, isTTY: true, env: {} },
  { name: "tty-120x40", columns: 120, rows: 40, isTTY: true, env: {} },
  { name: "no-color", columns: 120, rows: 40, isTTY: true, env: { NO_COLOR: "1" } },
  { name: "pipe", columns: 80, rows: 24, isTTY: false, env: {} },
  { name: "ci", columns: 80, rows: 24, isTTY: true, env: { CI: "true", NO_COLOR: "1" } },
];

/** A sink like that place's, and what was written to it. */
export function sinkOf(place: Place): { readonly sink: Sink; readonly written: () => string } {
  let text = "";
  const stream = {
    isTTY: place.isTTY,
    columns: place.columns,
    rows: place.rows,
    write: (chunk: string | Uint8Array) => {
      text += String(chunk);
      return true;
    },
    once: () => undefined,
  };
  return { sink: openTerminal({ stdout: stream, stderr: stream }, place.env, "auto").out, written: () => text };
}

type Snapshots = { readonly assert: { fileSnapshot(value: unknown, path: string, options: object): void } };

/** Escapes are written out, so that colours can be read and compared in a text file. */
export function compare(context: Snapshots, name: string, lines: readonly string[]): void {
  const text = `${lines.join("\n")}\n`.replaceAll("\u001B", "␛");
  const path = join(dirname(fileURLToPath(import.meta.url)), `${name}.txt`);
  context.assert.fileSnapshot(text, path, { serializers: [String] });
}
