// One measured figure as a line of JSON on stdout, which `bench/run.ts` gathers.

export type Figure = {
  readonly figure: string;
  readonly value: number;
  readonly unit: string;
  /** What the value is held against: measured on the same machine at the same time, or a number that was set. */
  readonly limit: number | null;
  readonly limitName: string;
  /** The value as a multiple of the limit. */
  readonly ratio: number | null;
  readonly target: string;
  readonly met: boolean | null;
  /** Whether the value depends on how fast and how busy the machine is. */
  readonly timed: boolean;
};

type Measured = Pick<Figure, "figure" | "value" | "unit"> & {
  readonly limit: number;
  readonly limitName?: string;
  readonly timed?: boolean;
};

/** Small sizes, for a look at counts and bounds; times mean nothing then. */
export const quick = process.argv.includes("--quick");

/** The value is to be at most `times` the limit. */
export function atMost(times: number, measured: Measured): void {
  print(measured, `≤ ${shown(times, measured)}`, measured.value <= times * measured.limit);
}

/** The value is to be at least `share` of the limit. */
export function atLeast(share: number, measured: Measured): void {
  print(measured, `≥ ${shown(share, measured)}`, measured.value >= share * measured.limit);
}

/** Told without a target. */
export function noted(figure: string, value: number, unit: string): void {
  console.log(
    JSON.stringify({ figure, value: round(value), unit, limit: null, limitName: "", ratio: null, target: "", met: null, timed: true }),
  );
}

function shown(factor: number, { limit, limitName, unit }: Measured): string {
  return limitName === undefined ? `${round(factor * limit)} ${unit}` : `${factor} x`;
}

function print({ figure, value, unit, limit, limitName = "", timed = true }: Measured, target: string, met: boolean): void {
  const line: Figure = {
    figure,
    value: round(value),
    unit,
    limit: round(limit),
    limitName,
    ratio: round(value / limit),
    target,
    met,
    timed,
  };
  console.log(JSON.stringify(line));
}

function round(value: number): number {
  return Number(value.toPrecision(3));
}

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
}
