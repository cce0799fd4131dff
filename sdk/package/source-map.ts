// Places of the bundle to places of the author's sources. Nothing is decoded before the first question.

export type SourceMap = {
  /** Lines and columns are counted from 1. Null where the bundler wrote the code itself. */
  placeOf(line: number, column: number): MappedPlace | null;
  /** Text of a source, null where it is not known. */
  textOf(source: string): string | null;
  readonly sources: readonly string[];
};

export type MappedPlace = { readonly source: string; readonly line: number; readonly column: number };

/** Counted from 0. `source` is -1 where the bundler wrote the code. */
type Segment = { readonly column: number; readonly source: number; readonly sourceLine: number; readonly sourceColumn: number };

type MapJson = { readonly sources: readonly string[]; readonly sourcesContent: readonly (string | null)[]; readonly mappings: string };

export function openSourceMap(json: string): SourceMap {
  const map = parseMap(json);
  let lines: readonly (readonly Segment[])[] | null = null;
  return {
    sources: map.sources,
    placeOf(line, column) {
      lines ??= decodeMappings(map.mappings);
      const segment = lastAtOrBefore(lines[line - 1] ?? [], column - 1);
      const source = segment === null ? undefined : map.sources[segment.source];
      if (segment === null || source === undefined) return null;
      return { source, line: segment.sourceLine + 1, column: segment.sourceColumn + 1 };
    },
    textOf(source) {
      const index = map.sources.indexOf(source);
      return index < 0 ? null : (map.sourcesContent[index] ?? null);
    },
  };
}

function parseMap(json: string): MapJson {
  return JSON.parse(json) as MapJson;
}

function lastAtOrBefore(segments: readonly Segment[], column: number): Segment | null {
  let low = 0;
  let high = segments.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((segments[middle]?.column ?? Infinity) <= column) low = middle + 1;
    else high = middle;
  }
  return segments[low - 1] ?? null;
}

/** The mappings of source map revision 3: lines by `;`, segments by `,`, each a few base-64 deltas. */
function decodeMappings(mappings: string): Segment[][] {
  const lines: Segment[][] = [];
  let source = 0;
  let sourceLine = 0;
  let sourceColumn = 0;
  for (const text of mappings.split(";")) {
    const segments: Segment[] = [];
    let column = 0;
    for (const [toColumn, toSource, toLine, toSourceColumn] of text === "" ? [] : text.split(",").map(decodeNumbers)) {
      column += toColumn ?? 0;
      if (toSource === undefined) {
        segments.push({ column, source: -1, sourceLine: 0, sourceColumn: 0 });
        continue;
      }
      source += toSource;
      sourceLine += toLine ?? 0;
      sourceColumn += toSourceColumn ?? 0;
      segments.push({ column, source, sourceLine, sourceColumn });
    }
    lines.push(segments);
  }
  return lines;
}

const digits = new Map(Array.from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", (digit, value) => [digit, value]));

/** Each digit has five bits of the number and one that says whether more follow; the number's lowest bit is its sign. */
function decodeNumbers(text: string): number[] {
  const numbers: number[] = [];
  let value = 0;
  let shift = 0;
  for (const character of text) {
    const digit = digits.get(character) ?? 0;
    value += (digit & 31) << shift;
    shift += 5;
    if ((digit & 32) !== 0) continue;
    numbers.push((value & 1) === 1 ? -(value >> 1) : value >> 1);
    value = 0;
    shift = 0;
  }
  return numbers;
}
