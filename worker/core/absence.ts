// Which of the tries to reach a coordinator that is away are worth a line: the first, the first that worries, each with another
// reason, and of the rest fewer and fewer.

export type Absence = {
  readonly reason: string;
  /** What merely starts a moment before its coordinator does is nothing to worry about. */
  readonly worrying: boolean;
  readonly atMs: number;
};

/** What was said last, and for how long the same is not said again. */
export type Told = Absence & { readonly silentMs: number };

const silentMsMin = 10_000;
const silentMsMax = 600_000;

/** What is told now; null where that has been told. `told` is null after a connection, and at first. */
export function tell(told: Told | null, absence: Absence): Told | null {
  if (told === null || told.reason !== absence.reason || (absence.worrying && !told.worrying)) return { ...absence, silentMs: silentMsMin };
  if (absence.atMs - told.atMs < told.silentMs) return null;
  return { ...absence, silentMs: Math.min(2 * told.silentMs, silentMsMax) };
}
