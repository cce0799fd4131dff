// What launched workers cost, by an estimate: the time for which each was there, day by day.

export type Spent = Map<number, number>;

export type Interval = { readonly fromMs: number; readonly toMs: number };

const dayMs = 86_400_000;
const hourMs = 3_600_000;

/** What the service charges for however short a worker lives; and what one that never came is taken to have cost. Milliseconds. */
export const minimumBilledMs = 60_000;

/** Days are of UTC, counted from 1970. */
function dayOf(atMs: number): number {
  return Math.floor(atMs / dayMs);
}

export function startOfNextDayMs(atMs: number): number {
  return (dayOf(atMs) + 1) * dayMs;
}

/** Shares the interval among the days that it touches. */
export function addCost(spent: Spent, { fromMs, toMs }: Interval, usdPerHour: number): void {
  if (usdPerHour === 0) return;
  for (let from = fromMs; from < toMs; from = startOfNextDayMs(from)) {
    const day = dayOf(from);
    const until = Math.min(toMs, startOfNextDayMs(from));
    spent.set(day, (spent.get(day) ?? 0) + (usdPerHour * (until - from)) / hourMs);
  }
}

/** Of the interval, what lies in the day of its end. */
export function costToday({ fromMs, toMs }: Interval, usdPerHour: number): number {
  return (usdPerHour * Math.max(0, toMs - Math.max(fromMs, dayOf(toMs) * dayMs))) / hourMs;
}

export function minimumCost(usdPerHour: number): number {
  return (usdPerHour * minimumBilledMs) / hourMs;
}
