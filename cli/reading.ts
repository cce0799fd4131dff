// Opens what is kept on this machine for commands that only read or ask, and closes it again.

import { existsSync } from "node:fs";
import { CliError } from "./cli-error.ts";
import type { Context } from "./context.ts";
import type { LocalReader } from "./local-cluster.ts";

/** @throws CliError notFound where nothing has run yet */
export async function reading<T>(context: Context, act: (local: LocalReader) => Promise<T>): Promise<T> {
  const { dir } = context.settings;
  if (!existsSync(dir)) {
    throw new CliError("notFound", `nothing has run here yet: there is no ${dir}`, {
      hint: "start a run (stepwell run FILE), or go to the folder where you did",
    });
  }
  const { openLocal } = await import("./local-cluster.ts");
  const local = await openLocal({ dir });
  try {
    return await act(local);
  } finally {
    await local.close();
  }
}
