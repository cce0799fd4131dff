// Changes of a stack, what happens to it, and how it is, as lines for people.

import type { Change, StackEvent, StackView } from "../aws/stack.ts";
import { countOfThings } from "../format/count.ts";
import { tableLines } from "../format/table.ts";
import { formatClock, type TimeZone } from "../format/time.ts";
import type { Paint } from "../terminal.ts";

/** What cannot be had again when it is gone. */
const kept = ["AWS::S3::Bucket", "AWS::EC2::Volume", "AWS::KMS::Key"];

const signs = { Add: "+", Modify: "~", Remove: "-", Import: "+", Dynamic: "~" } as const;

export function changeLines(changes: readonly Change[], paint: Paint): readonly string[] {
  const rows = changes.map((change) => [signs[change.action], change.id, change.type, consequence(change, paint)]);
  const count = (action: Change["action"]): number => changes.filter((one) => one.action === action).length;
  const sum = [countOfThings(count("Add"), "new resource"), `${count("Modify") + count("Dynamic")} changed`, `${count("Remove")} removed`];
  return [...tableLines([{ title: "" }, { title: "RESOURCE" }, { title: "TYPE" }, { title: "" }], rows), sum.join(", ")];
}

function consequence({ action, type, replaces }: Change, paint: Paint): string {
  if (action === "Remove") return kept.includes(type) ? "leaves the stack, and is kept" : "";
  if (replaces === "no") return "";
  const word = replaces === "yes" ? "is replaced" : "may be replaced";
  return kept.includes(type) ? paint.red(`${word}: the old one is kept, and not used any more`) : word;
}

/** Null for what only begins. */
export function eventLine(
  { atMs, resource, status, reason }: StackEvent,
  { paint, zone }: { readonly paint: Paint; readonly zone: TimeZone },
): string | null {
  const time = paint.dim(formatClock(atMs, zone));
  if (status.endsWith("_FAILED")) return `${time}  ${paint.red("✗")} ${resource}  ${status}${reason === null ? "" : `: ${reason}`}`;
  if (status.endsWith("ROLLBACK_IN_PROGRESS"))
    return `${time}  ${paint.yellow("↩")} ${resource}  ${status}${reason === null ? "" : `: ${reason}`}`;
  return status.endsWith("_COMPLETE") ? `${time}  ${paint.green("✓")} ${resource}  ${status}` : null;
}

export function stackLines({ name, status, reason, outputs }: StackView): readonly string[] {
  const rows = Object.entries(outputs).map(([output, value]) => [output, value]);
  return [`${name}  ${status}${reason === null ? "" : `: ${reason}`}`, ...tableLines([{ title: "" }, { title: "" }], rows)];
}
