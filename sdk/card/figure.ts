// Numbers as a card shows them to people.

/** At most six digits that count: `0.955556`, `1234567`, `1e+21`. */
export function formatFigure(value: number): string {
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(6)));
}

/** A number with its sign, a text as it is. */
export function formatChange(change: string | number): string {
  return typeof change === "number" ? `${change > 0 ? "+" : ""}${formatFigure(change)}` : change;
}
