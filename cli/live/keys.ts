// What the keys of the live window do.

import { formatCount } from "../format/count.ts";
import type { Paint } from "../terminal.ts";
import type { RunProgress } from "./progress.ts";
import { firstLine } from "./scroll-lines.ts";
import type { LogsChoice } from "./watch.ts";

/** Different errors that `f` lists. */
const groupsShownMax = 10;

export type KeyedWatch = {
  readonly progress: RunProgress;
  readonly paint: Paint;
  /** Which output of tasks is shown; null where it isn't followed. */
  logs: LogsChoice | null;
  /** Whether the window says what the keys do. */
  help: boolean;
  /** What Ctrl-C does to the run. */
  readonly interrupt: "cancels" | "leaves";
  /** Leaves a run that goes on without this command; null where none does, or where Ctrl-C does it already. */
  readonly detach: (() => void) | null;
};

/** The last line of the window. */
export function keyHints({ logs, interrupt, detach }: Pick<KeyedWatch, "logs" | "interrupt" | "detach">): string {
  return [
    `^C ${detach === null ? interrupt : "cancel"}`,
    ...(detach === null ? [] : ["d detach"]),
    "f failures",
    ...(logs === null ? [] : ["l logs"]),
    detach === null ? "? help" : "?",
  ].join(" · ");
}

/** Lines that the key adds to what scrolls; none for a key that means nothing. */
export function pressKey(key: string, watch: KeyedWatch): readonly string[] {
  if (key === "f") return failureLines(watch);
  if (key === "d") watch.detach?.();
  if (key === "?" || key === "h") watch.help = !watch.help;
  if (key !== "l" || watch.logs === null) return [];
  watch.logs = next(watch.logs);
  return [watch.paint.dim(`output of tasks from here on: ${logsText(watch.logs)}`)];
}

function failureLines({ progress, paint }: KeyedWatch): readonly string[] {
  const groups = progress.failureGroups().toSorted((a, b) => b.count - a.count);
  if (groups.length === 0) return [paint.dim("no task has failed so far")];
  const shown = groups.slice(0, groupsShownMax).map(({ count, text, first }) => {
    const more = count === 1 ? "" : `   and ${formatCount(count - 1)} more like it`;
    return `  ${paint.bold(first)}   ${paint.red(firstLine(text))}${more}`;
  });
  const hidden = groups.length - shown.length;
  return [
    paint.dim("failed so far:"),
    ...shown,
    ...(hidden > 0 ? [`  ${formatCount(hidden)} other errors; all: stepwell status ${progress.run} --failed`] : []),
  ];
}

/** What stands below the window while help is asked for. */
export function helpLines({ help, logs, interrupt, detach, paint }: KeyedWatch): readonly string[] {
  if (!help) return [];
  return [
    `${paint.bold("f")}  list what failed so far, one line for each error`,
    ...(logs === null ? [] : [`${paint.bold("l")}  output of tasks: of the first ten of a step, of all, of none`]),
    `${paint.bold("^C")} ${interrupt === "cancels" ? "cancel the run, and wait for its tasks; twice: kill them" : "stop watching; the run goes on"}`,
    ...(detach === null ? [] : [`${paint.bold("d")}  leave the run to the cluster; \`stepwell watch\` comes back to it`]),
    `${paint.bold("?")}  close this help`,
  ];
}

function next(logs: LogsChoice): LogsChoice {
  return logs === "auto" ? "all" : logs === "all" ? "none" : "auto";
}

function logsText(logs: LogsChoice): string {
  return logs === "auto" ? "of the first ten of each step" : logs;
}
