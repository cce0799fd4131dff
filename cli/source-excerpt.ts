// The author's own lines before the place where a task failed, from the source that was kept with the run.

import type { Failure } from "../proto/failure.ts";
import type { Sha256 } from "../proto/ids.ts";
import type { ArtifactStore } from "../sdk/artifact/store.ts";
import type { Excerpt } from "./render/run-summary.ts";

const linesBefore = 2;

/** Null where there is no failure, no place, or no source for it. */
export async function excerptOf(failure: Failure | null, codePackage: Sha256, store: ArtifactStore): Promise<Excerpt | null> {
  if (failure?.kind !== "userError" || failure.place === null) return null;
  const { place } = failure;
  const [{ readContainer }, { openSourceMap }, { excerptAround }] = await Promise.all([
    import("../sdk/package/container.ts"),
    import("../sdk/package/source-map.ts"),
    import("../sdk/package/stack.ts"),
  ]);
  try {
    const content = readContainer(await store.get(codePackage));
    const found = excerptAround(place, openSourceMap(content.sourceMap), linesBefore);
    if (found === null) return null;
    const lines = found.lines.map((text, index) => ({ line: found.firstLine + index, text }));
    return { place, lines: lines.filter(({ line }) => line <= place.line) };
  } catch {
    // The failure itself must be shown even where its source cannot be read.
    return null;
  }
}
