// Where the author's files are from the folder that the reader is in. A run knows them by their way from its flow's file.

import { dirname, relative, resolve, sep } from "node:path";
import type { Failure, SourcePlace } from "../proto/failure.ts";
import type { RunView } from "../proto/view.ts";
import { rememberedFile } from "./submission.ts";

export type SourcePath = (file: string) => string;

/** `dir` is the folder that holds the runs. Files of a run whose flow's file is not known stay as they are. */
export function sourcePathOf(
  { systemTags }: Pick<RunView, "systemTags">,
  from: { readonly dir: string; readonly cwd: string },
): SourcePath {
  const remembered = rememberedFile(systemTags);
  if (remembered === null) return (file) => file;
  const folder = dirname(resolve(from.cwd, from.dir, remembered));
  return (file) => relative(from.cwd, resolve(folder, file)).replaceAll(sep, "/");
}

/** Null where the failure has no place. */
export function placeOf(failure: Failure, path: SourcePath): SourcePlace | null {
  if (failure.kind !== "userError" || failure.place === null) return null;
  return { ...failure.place, file: path(failure.place.file) };
}

export function placeText({ file, line, column }: SourcePlace): string {
  return `${file}:${line}:${column}`;
}
