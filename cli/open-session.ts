// Tells the client's objects how to reach what is kept on this machine. Imported for this effect by the entries.

import { registerOpener } from "../sdk/client/connection.ts";
import { openLocal } from "./local-cluster.ts";
import { settingsOfProcess } from "./process-settings.ts";

registerOpener(async () => {
  const { dir, namespace } = settingsOfProcess();
  return { connection: await openLocal({ dir }), namespace: namespace === "" ? null : namespace };
});
