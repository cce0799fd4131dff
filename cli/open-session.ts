// Tells the client's objects how to reach what is kept on this machine. Imported for this effect by the entries.

import { existsSync } from "node:fs";
import { registerDefaults } from "../sdk/client/connection.ts";
import { openLocal } from "./local-cluster.ts";
import { settingsOfProcess } from "./process-settings.ts";

registerDefaults({
  async open(dir) {
    // Reading must not make a folder where a person has just mistaken the place.
    if (!existsSync(dir)) throw new Error(`nothing has run here yet: there is no ${dir}; start a run, or set STEPWELL_DIR to the folder`);
    return openLocal({ dir });
  },
  settings() {
    const { user, namespace, dir } = settingsOfProcess();
    return { place: dir, user, namespace: namespace === "" ? null : namespace };
  },
});
