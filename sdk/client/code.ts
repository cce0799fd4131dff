// The code that a run was made of: its package holds the author's sources beside what ran.

import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { inspect } from "node:util";
import type { Sha256 } from "../../proto/ids.ts";
import type { ArtifactStore } from "../artifact/store.ts";
import { readContainer } from "../package/container.ts";
import { openSourceMap, type SourceMap } from "../package/source-map.ts";
import { isDependency } from "../package/stack.ts";

export class RunCode {
  /** Names the code package; equal hashes mean equal code. */
  readonly sha256: Sha256;
  /** Name of the flow's file, without its folder. */
  readonly file: string;
  /** The author's own files, relative to the folder of the flow's file; what came from node_modules is left out. */
  readonly sources: readonly string[];
  readonly #map: SourceMap;

  constructor(sha256: Sha256, file: string, map: SourceMap) {
    this.sha256 = sha256;
    this.file = file;
    this.sources = map.sources.filter((source) => !isDependency(source) && map.textOf(source) !== null);
    this.#map = map;
  }

  /** Text of the flow's file. */
  get text(): string {
    return this.textOf(this.file);
  }

  /** @throws Error naming the sources that there are */
  textOf(source: string): string {
    const text = this.sources.includes(source) ? this.#map.textOf(source) : null;
    if (text === null) throw new Error(`the code package has no source "${source}"; it has ${this.sources.join(", ")}`);
    return text;
  }

  /**
   * Writes the author's files into the folder, which is made where it is missing. Sources that lay above the flow's file
   * come to lie above it again, but within the folder.
   * @returns the path of the flow's file
   */
  async extract(folder: string): Promise<string> {
    const above = Math.max(...this.sources.map(levelsAbove));
    const flowFolder = join(folder, ...Array.from({ length: above }, () => "flow"));
    for (const source of this.sources) {
      const path = join(flowFolder, source);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, this.textOf(source));
    }
    return join(flowFolder, this.file);
  }

  toJSON(): object {
    return { sha256: this.sha256, file: this.file, sources: this.sources };
  }

  [inspect.custom](): string {
    return `RunCode ${this.file} · ${this.sources.length} ${this.sources.length === 1 ? "source" : "sources"} · ${this.sha256.slice(0, 12)}`;
  }
}

/** @throws ArtifactStoreError, CodePackageError */
export async function readCode(store: ArtifactStore, sha256: Sha256): Promise<RunCode> {
  const { file, sourceMap } = readContainer(await store.get(sha256));
  return new RunCode(sha256, file, openSourceMap(sourceMap));
}

/** How many folders above the flow's own a source lay. */
function levelsAbove(source: string): number {
  return (/^(?:\.\.\/)*/.exec(source)?.[0].length ?? 0) / "../".length;
}
