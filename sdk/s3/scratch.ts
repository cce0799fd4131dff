// A folder for what was fetched, removed with everything in it.

import { mkdirSync, mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";

const nameCharactersMax = 80;

export class Scratch {
  readonly #parent: () => string;
  #folder: string | null = null;
  #count = 0;

  /** The parent is looked up, and made, when the first file is. */
  constructor(parent: () => string) {
    this.#parent = parent;
  }

  /** Of no file yet. Its end is that of the key's, so that who looks at the extension finds it. */
  nextPath(key: string): string {
    this.#count += 1;
    const name = (key.split("/").at(-1) ?? "").replaceAll(/[^\w.-]/g, "_").slice(-nameCharactersMax);
    return join(this.#made(), `${this.#count}-${name}`);
  }

  async remove(): Promise<void> {
    if (this.#folder !== null) await rm(this.#folder, { recursive: true, force: true });
    this.#folder = null;
  }

  #made(): string {
    if (this.#folder !== null) return this.#folder;
    const parent = this.#parent();
    mkdirSync(parent, { recursive: true });
    this.#folder = mkdtempSync(join(parent, "s3-"));
    return this.#folder;
  }
}
