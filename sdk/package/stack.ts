// From stack traces of a bundle to the author's own source.

import type { SourcePlace } from "../../proto/failure.ts";
import { codeScheme } from "./evaluate.ts";
import type { MappedPlace, SourceMap } from "./source-map.ts";

export type Located = {
  /** The message and the author's frames. */
  readonly stack: string;
  /** Of the innermost of the author's frames; files are relative to the folder of the flow's file. */
  readonly place: SourcePlace | null;
};

export type Excerpt = { readonly firstLine: number; readonly lines: readonly string[] };

const frameStart = /^\s+at /;
const frame = new RegExp(`^\\s+at (?:(.*?) \\()?${codeScheme}[^:]*:(\\d+):(\\d+)\\)?$`);

export function locateStack(stack: string, map: () => SourceMap): Located {
  const lines = stack.split("\n");
  const framesFrom = lines.findIndex((line) => frameStart.test(line));
  if (framesFrom < 0) return { stack, place: null };
  const frames = lines.slice(framesFrom).flatMap((line) => authorFrame(line, map));
  const [innermost] = frames;
  return {
    stack: [...lines.slice(0, framesFrom), ...frames.map((each) => each.text)].join("\n"),
    place: innermost === undefined ? null : { file: innermost.place.source, line: innermost.place.line, column: innermost.place.column },
  };
}

function authorFrame(line: string, map: () => SourceMap): { readonly text: string; readonly place: MappedPlace }[] {
  const [, name, row, column] = frame.exec(line) ?? [];
  const place = row === undefined ? null : map().placeOf(Number(row), Number(column));
  if (place === null || isDependency(place.source)) return [];
  const at = `${place.source}:${place.line}:${place.column}`;
  return [{ text: name === undefined ? `    at ${at}` : `    at ${authorName(name)} (${at})`, place }];
}

/** The bundler names a class that mentions itself `_TrainFlow`. */
function authorName(name: string): string {
  return name.replace(/(^|\s)_(?=[A-Z]\w*\.)/, "$1");
}

export function isDependency(source: string): boolean {
  return /(^|\/)node_modules\//.test(source);
}

/** The lines around a place, null where its file is not part of the package. */
export function excerptAround(place: SourcePlace, map: SourceMap, linesAround: number): Excerpt | null {
  const lines = map.textOf(place.file)?.split(/\r?\n/);
  if (lines === undefined || place.line > lines.length) return null;
  const firstLine = Math.max(1, place.line - linesAround);
  return { firstLine, lines: lines.slice(firstLine - 1, place.line + linesAround) };
}
