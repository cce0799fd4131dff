// Opens what is kept on this machine, or the configured coordinator, for commands that only read or ask, and closes it again.

import { existsSync } from "node:fs";
import type { Endpoint } from "../sdk/wire/endpoint.ts";
import { CliError } from "./cli-error.ts";
import type { Context } from "./context.ts";
import { endpointOf } from "./endpoint.ts";
import type { Reader } from "./reader.ts";

/** @throws CliError notFound where nothing has run yet */
export async function reading<T>(context: Context, act: (local: Reader) => Promise<T>): Promise<T> {
  const endpoint = endpointOf(context.settings, context.env);
  if (endpoint !== null) return readingRemote(endpoint, act);
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

async function readingRemote<T>(endpoint: Endpoint, act: (remote: Reader) => Promise<T>): Promise<T> {
  const { openRemote } = await import("./cluster/remote.ts");
  const remote = openRemote(endpoint);
  try {
    return await act(remote);
  } finally {
    await remote.close();
  }
}
