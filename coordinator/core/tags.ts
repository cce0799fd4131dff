// Changing a run's tags: removals first, then additions, all or nothing. What the system gave stays.

import type { Asker } from "../../proto/control.ts";
import { tagCharactersMax, tagsMax } from "../../proto/event.ts";
import { askerOf, isRepeated } from "./changes.ts";
import { accepted, refused, type Decision } from "./decision.ts";
import type { RunState } from "./state.ts";

export type TagRequest = Asker & {
  readonly add: readonly string[];
  readonly remove: readonly string[];
  readonly atMs: number;
};

/** Adding a tag that is there and removing one that is not change nothing; so does adding what equals a system tag. */
export function decideTags(state: RunState, request: TagRequest): Decision {
  if (isRepeated(state, request)) return accepted();
  const { systemTags } = state.submitted;
  const fixed = request.remove.find((tag) => systemTags.includes(tag));
  if (fixed !== undefined) return refused("invalid", `"${fixed}" is a system tag of ${state.submitted.run} and cannot be removed`);
  for (const tag of request.add) {
    const objection = objectionToTag(tag);
    if (objection !== null) return refused("invalid", objection);
  }
  const remove = unique(request.remove).filter((tag) => state.tags.includes(tag));
  const kept = state.tags.filter((tag) => !remove.includes(tag));
  const add = unique(request.add).filter((tag) => !kept.includes(tag) && !systemTags.includes(tag));
  const count = kept.length + add.length;
  if (count > tagsMax) {
    return refused(
      "invalid",
      `${state.submitted.run} would have ${count} tags, and at most ${tagsMax} are allowed; remove ${count - tagsMax}`,
    );
  }
  if (add.length === 0 && remove.length === 0) return accepted();
  return accepted({ kind: "tagsChanged", atMs: request.atMs, ...askerOf(request), add, remove });
}

/** What is wrong with a tag; null where it may be given to a run. Characters are Unicode code points. */
export function objectionToTag(tag: string): string | null {
  if (tag === "") return "a tag must not be empty";
  const characters = Array.from(tag).length;
  if (characters > tagCharactersMax)
    return `a tag may have ${tagCharactersMax} characters, and this one has ${characters}: "${tag.slice(0, 40)}…"`;
  if (tag.startsWith("\u0001")) return `a tag must not begin with a control character: ${JSON.stringify(tag)}`;
  return tag.isWellFormed() ? null : `the tag ${JSON.stringify(tag)} is not valid Unicode`;
}

function unique(tags: readonly string[]): string[] {
  return [...new Set(tags)];
}
