// Compares what a document shows with what a command printed. Times, durations and hashes differ from run to run, tasks
// of a foreach end in any order, and a line that is only an ellipsis stands for any number of lines.

import assert from "node:assert/strict";

const placeholders: readonly (readonly [RegExp, string])[] = [
  [/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z/g, "TIME"],
  [/\d\d:\d\d \(\d+\S* ago\)/g, "TIME"],
  [/\b\d+(\.\d+)?(ms|s)\b/g, "DURATION"],
  [/\b[0-9a-f]{12}\b/g, "HASH"],
  [/\bcode [0-9a-f]{7}\b/g, "code HASH"],
  [/ +/g, " "],
];

/** Lines that tasks of a foreach print in any order. */
const anyOrder = /^(TIME \S+ task |\S+\/\d+(\.\d+)* \| )/;

export function assertShows(shown: string, printed: string, where: string): void {
  const rest = linesOf(printed);
  const groups = shown.split(/^…\n/m).map(linesOf);
  const exact = groups.length === 1;
  for (const group of groups) {
    for (const line of group.filter((text) => anyOrder.test(text))) take(rest, line, where);
    const ordered = group.filter((text) => !anyOrder.test(text));
    if (ordered.length === 0) continue;
    const candidates = rest.filter((text) => !anyOrder.test(text));
    const at = exact ? 0 : candidates.findIndex((_, i) => ordered.every((line, j) => candidates[i + j] === line));
    assert.deepEqual(
      candidates.slice(Math.max(at, 0), exact ? undefined : Math.max(at, 0) + ordered.length),
      ordered,
      `${where} shows other lines than the command printed:\n${printed}`,
    );
    for (const line of ordered) take(rest, line, where);
  }
  if (exact) assert.deepEqual(rest, [], `${where} leaves out lines that the command printed`);
}

function linesOf(text: string): string[] {
  return text
    .split("\n")
    .map((line) => placeholders.reduce((result, [pattern, name]) => result.replace(pattern, name), line).trimEnd())
    .filter((line) => line !== "");
}

function take(lines: string[], line: string, where: string): void {
  const at = lines.indexOf(line);
  assert.notEqual(at, -1, `${where} shows a line that was not printed: ${line}\nprinted, as far as not matched yet:\n${lines.join("\n")}`);
  lines.splice(at, 1);
}
