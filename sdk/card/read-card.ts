// The card of a task as it was kept with its artifacts.

import { cardArtifact, type Artifacts } from "../../proto/artifact.ts";
import { readArtifactSync } from "../artifact/read.ts";
import type { BlockingReader } from "../artifact/store.ts";
import { cardVersion, type CardComponent } from "./component.ts";
import { CardError, parseComponent } from "./parse-component.ts";

/** What of a task's view tells of its card. */
export type KeptCard = { readonly artifacts: Artifacts; readonly produced: readonly string[] };

/** The components; null where the task has no card. @throws CardError, ArtifactStoreError */
export function readCard({ artifacts, produced }: KeptCard, store: BlockingReader): readonly CardComponent[] | null {
  const ref = produced.includes(cardArtifact) ? artifacts[cardArtifact] : undefined;
  return ref === undefined ? null : parseCard(readArtifactSync(ref, store));
}

function parseCard(value: unknown): readonly CardComponent[] {
  const version: unknown = typeof value === "object" && value !== null && "version" in value ? value.version : undefined;
  if (version !== cardVersion) {
    throw new CardError(
      `the card is of version ${String(version)}, and only ${cardVersion} can be read; a newer Stepwell may have kept it`,
    );
  }
  const components: unknown = typeof value === "object" && value !== null && "components" in value ? value.components : undefined;
  if (!Array.isArray(components)) throw new CardError("the card has no components");
  return components.map(parseComponent);
}
