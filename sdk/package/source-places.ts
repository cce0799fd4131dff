// Positions in a bundle's code as places in the author's sources.

import type { Place } from "../graph/problem.ts";
import type { SourceMap } from "./source-map.ts";

export type SourcePlaces = {
  /** `offset` counts characters of the code. Null where the bundler wrote the code itself. */
  at(offset: number): SourcedPlace | null;
  /** The source's whole text, null where it is not known. */
  textOf(source: string): string | null;
  /** A place in a source, found otherwise than by the map. */
  inSource(source: string, line: number, column: number): SourcedPlace;
};

/** `source` names the file as the source map does: relative to the folder of the flow's file. */
export type SourcedPlace = Place & { readonly source: string };

/** `shown` turns the name of a source into the one that problems give it. */
export function sourcePlaces(code: string, map: SourceMap, shown: (source: string) => string): SourcePlaces {
  const lineStarts = [0, ...Array.from(code.matchAll(/\n/g), (match) => match.index + 1)];
  const inSource = (source: string, line: number, column: number): SourcedPlace => {
    const sourceLine = map.textOf(source)?.split(/\r?\n/)[line - 1] ?? null;
    return { source, file: shown(source), line, column, sourceLine };
  };
  return {
    at(offset) {
      const line = lineAt(lineStarts, offset);
      const mapped = map.placeOf(line, offset - (lineStarts[line - 1] ?? 0) + 1);
      return mapped === null ? null : inSource(mapped.source, mapped.line, mapped.column);
    },
    textOf: (source) => map.textOf(source),
    inSource,
  };
}

/** Counted from 1: how many lines start at or before the offset. */
function lineAt(lineStarts: readonly number[], offset: number): number {
  let low = 0;
  let high = lineStarts.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((lineStarts[middle] ?? Infinity) <= offset) low = middle + 1;
    else high = middle;
  }
  return low;
}
