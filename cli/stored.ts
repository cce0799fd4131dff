// What is read from the artifact store for a person, told by its own name where it cannot be read: a blob's means nothing.

import { ArtifactStoreError } from "../sdk/artifact/store.ts";
import { CliError } from "./cli-error.ts";

/** @throws CliError notFound, store; `hint` says how to come by it again */
export async function readStored<T>(what: string, hint: string, read: Promise<T>): Promise<T> {
  try {
    return await read;
  } catch (error) {
    if (!(error instanceof ArtifactStoreError)) throw error;
    const kind = error.problem === "missing" ? "notFound" : "store";
    throw new CliError(kind, `${what} cannot be read`, { lines: [error.message], hint, cause: error, details: { reason: error.message } });
  }
}
