// Positions in a bundle's code as places in the author's sources.

import type { Place } from "../graph/problem.ts";
import type { SourceMap } from "./source-map.ts";

export type SourcePlaces = {
  /** `offset` counts characters of the code. Null where the bundler wrote the code itself. */
  at(offset: number): SourcedPlace | null;
  /** The source's whole text; empty where it is not known. */
  textOf(source: string): string;
  /** Where a place stands in its source's text. */
  offsetOf(place: SourcedPlace): number;
  /** A place in a source, found otherwise than by the map. */
  inSource(source: string, line: number, column: number): SourcedPlace;
};

/** `source` names the file as the source map does: relative to the folder of the flow's file. */
export type SourcedPlace = Place & { readonly source: string };

/** `shown` turns the name of a source into the one that problems give it. */
export function sourcePlaces(code: string, map: SourceMap, shown: (source: string) => string): SourcePlaces {
  const codeLines = lineStarts(code);
  const texts = new Map<string, { readonly text: string; readonly lines: readonly number[] }>();
  const read = (source: string): { readonly text: string; readonly lines: readonly number[] } => {
    const known = texts.get(source);
    if (known !== undefined) return known;
    const text = map.textOf(source) ?? "";
    const entry = { text, lines: lineStarts(text) };
    texts.set(source, entry);
    return entry;
  };
  const inSource = (source: string, line: number, column: number): SourcedPlace => {
    const { text, lines } = read(source);
    const sourceLine = text.slice(lines[line - 1] ?? text.length, lines[line] ?? text.length).replace(/\r?\n$/, "");
    return { source, file: shown(source), line, column, sourceLine };
  };
  return {
    at(offset) {
      const line = lineAt(codeLines, offset);
      const mapped = map.placeOf(line, offset - (codeLines[line - 1] ?? 0) + 1);
      return mapped === null ? null : inSource(mapped.source, mapped.line, mapped.column);
    },
    textOf: (source) => read(source).text,
    offsetOf: ({ source, line, column }) => (read(source).lines[line - 1] ?? 0) + column - 1,
    inSource,
  };
}

function lineStarts(text: string): readonly number[] {
  return [0, ...Array.from(text.matchAll(/\n/g), (match) => match.index + 1)];
}

/** Counted from 1: how many lines start at or before the offset. */
function lineAt(starts: readonly number[], offset: number): number {
  let low = 0;
  let high = starts.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((starts[middle] ?? Infinity) <= offset) low = middle + 1;
    else high = middle;
  }
  return low;
}
