// What an operating system's error means for an artifact store, and what its reader can do.

import type { Sha256 } from "../../proto/ids.ts";
import { ArtifactStoreError } from "./store.ts";

const advice: Readonly<Record<"full" | "readOnly" | "unreachable", string>> = {
  full: "the disk or the quota is full: free some space, then resume the run",
  readOnly: "the folder cannot be written: give the user who runs Stepwell the right to, or choose another folder",
  unreachable: "see that the disk is mounted and well, then resume the run",
};

/** An error about `path` as the store's own; those that are already stay as they are. */
export function fileError(path: string, error: unknown): ArtifactStoreError {
  if (error instanceof ArtifactStoreError) return error;
  const problem = problemOf(codeOf(error));
  const reason = error instanceof Error ? error.message : String(error);
  return new ArtifactStoreError(problem, `artifact store at ${path}: ${reason}; ${advice[problem]}`, { cause: error });
}

/** Runs one operation on the file system, and explains its error. */
export async function explained<Result>(path: string, operation: () => Promise<Result>): Promise<Result> {
  try {
    return await operation();
  } catch (error) {
    throw fileError(path, error);
  }
}

export function isMissing(error: unknown): boolean {
  return codeOf(error) === "ENOENT";
}

export function missingError(sha256: Sha256, root: string): ArtifactStoreError {
  return new ArtifactStoreError("missing", `blob ${sha256} is not in ${root}; run the task that made it again, or bring the blob back`);
}

export function corruptError(sha256: Sha256, path: string): ArtifactStoreError {
  return new ArtifactStoreError(
    "corrupt",
    `blob ${sha256} has other bytes than were stored (see ${path}); run the task that made it again`,
  );
}

export function rangeError(path: string, wanted: { readonly offset: number; readonly length: number }): ArtifactStoreError {
  const message = `${path} ends before the ${wanted.length} bytes at ${wanted.offset}; run the task that made it again`;
  return new ArtifactStoreError("corrupt", message);
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

function problemOf(code: string): "full" | "readOnly" | "unreachable" {
  if (["ENOSPC", "EDQUOT", "EFBIG"].includes(code)) return "full";
  if (["EROFS", "EACCES", "EPERM"].includes(code)) return "readOnly";
  return "unreachable";
}
