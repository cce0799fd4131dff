// Places of the bundle to places of the author's sources. Nothing is decoded before the first question.

export type SourceMap = {
  readonly sources: readonly string[];
  /** Lines and columns are counted from 1. Null where the bundler wrote the code itself. */
  placeOf(line: number, column: number): MappedPlace | null;
  /** Text of a source, null where it is not known. */
  textOf(source: string): string | null;
};

export type MappedPlace = { readonly source: string; readonly line: number; readonly column: number };

type MapJson = { readonly sources: readonly string[]; readonly sourcesContent: readonly (string | null)[]; readonly mappings: string };

export function openSourceMap(json: string): SourceMap {
  const map = parseMap(json);
  let decoded: Segments | null = null;
  return {
    sources: map.sources,
    placeOf(line, column) {
      decoded ??= decodeMappings(map.mappings);
      const at = segmentAt(decoded, line - 1, column - 1);
      const [, source = -1, sourceLine = 0, sourceColumn = 0] = at === null ? [] : decoded.numbers.slice(at, at + width);
      const name = map.sources[source];
      return name === undefined ? null : { source: name, line: sourceLine + 1, column: sourceColumn + 1 };
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

/** Flat, since a bundle has a hundred thousand: column, source (-1 for none), line and column there, all counted from 0. */
type Segments = {
  readonly numbers: readonly number[];
  /** Where each line of the code starts in `numbers`, and where the last one ends. */
  readonly lineStarts: readonly number[];
};

const width = 4;

/** The last segment of the line that starts at or before the column. */
function segmentAt({ numbers, lineStarts }: Segments, line: number, column: number): number | null {
  const start = (lineStarts[line] ?? 0) / width;
  let low = start;
  let high = (lineStarts[line + 1] ?? 0) / width;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((numbers[middle * width] ?? Infinity) <= column) low = middle + 1;
    else high = middle;
  }
  return low > start ? (low - 1) * width : null;
}

const semicolon = 59;
const comma = 44;

const digitValues = new Uint8Array(128);
for (const [value, digit] of Array.from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/").entries()) {
  digitValues[digit.charCodeAt(0)] = value;
}

/**
 * Source map revision 3: `;` ends a line, `,` a segment, which is one, four or five numbers, each relative to the last of
 * its kind. A number's digits have five bits each and one that says whether more follow; its lowest bit is its sign.
 */
function decodeMappings(mappings: string): Segments {
  const numbers: number[] = [];
  const lineStarts = [0];
  const last = [0, 0, 0, 0, 0];
  let field = 0;
  let value = 0;
  let shift = 0;
  const endSegment = (): void => {
    if (field > 0) numbers.push(last[0] ?? 0, field > 1 ? (last[1] ?? 0) : -1, last[2] ?? 0, last[3] ?? 0);
    field = 0;
  };
  for (let i = 0; i < mappings.length; i++) {
    const code = mappings.charCodeAt(i);
    if (code === comma || code === semicolon) {
      endSegment();
      if (code === semicolon) {
        lineStarts.push(numbers.length);
        last[0] = 0;
      }
      continue;
    }
    const digit = digitValues[code] ?? 0;
    value += (digit & 31) << shift;
    shift += 5;
    if (digit >= 32) continue;
    last[field] = (last[field] ?? 0) + ((value & 1) === 1 ? -(value >> 1) : value >> 1);
    field += 1;
    value = 0;
    shift = 0;
  }
  endSegment();
  lineStarts.push(numbers.length);
  return { numbers, lineStarts };
}
