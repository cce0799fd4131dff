// The client on another folder's `.stepwell`.

import { join } from "node:path";
import { openLocal } from "../../cli/local-cluster.ts";
import { Stepwell } from "../../sdk/client/stepwell.ts";

export async function openClient(folder: string): Promise<{ readonly stepwell: Stepwell } & AsyncDisposable> {
  const connection = await openLocal({ dir: join(folder, ".stepwell") });
  const stepwell = new Stepwell({ connection, user: "tester", namespace: null });
  return { stepwell, [Symbol.asyncDispose]: () => stepwell.close() };
}
