// Where a worker on this machine has the coordinator's blobs.

import type { Endpoint } from "../../sdk/wire/endpoint.ts";
import type { WorkerOptions } from "../../worker/main.ts";
import { CliError } from "../cli-error.ts";
import { openRemote } from "./remote.ts";
import { reachableFolder } from "./remote-store.ts";

export async function storeFor(endpoint: Endpoint): Promise<WorkerOptions["store"]> {
  const remote = openRemote(endpoint);
  try {
    const root = reachableFolder(await remote.control.blobPlaces());
    if (root === null) throw new CliError("store", `the artifacts of the coordinator at ${endpoint.address} cannot be reached from here`);
    return { kind: "files", root };
  } finally {
    await remote.close();
  }
}
