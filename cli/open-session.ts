// Tells the client's objects how to reach the configured coordinator, or what is kept on this machine. Imported for this effect
// by the entries.

import { existsSync } from "node:fs";
import { registerDefaults, type Connection } from "../sdk/client/connection.ts";
import type { Endpoint } from "../sdk/wire/endpoint.ts";
import { openRemote } from "./cluster/remote.ts";
import { endpointOf, withPort } from "./endpoint.ts";
import { openLocal } from "./local-cluster.ts";
import { settingsOfProcess } from "./process-settings.ts";

/** Nothing is sent before the first question. */
function connect(endpoint: Endpoint): Connection {
  return openRemote({ ...endpoint, address: withPort(endpoint.address) });
}

registerDefaults({
  async open(place) {
    if (typeof place !== "string") return connect(place);
    const dir = place;
    // Reading must not make a folder where a person has just mistaken the place.
    if (!existsSync(dir)) throw new Error(`nothing has run here yet: there is no ${dir}; start a run, or set STEPWELL_DIR to the folder`);
    return openLocal({ dir });
  },
  settings() {
    const settings = settingsOfProcess();
    const { user, namespace, dir } = settings;
    return { place: endpointOf(settings, process.env) ?? dir, user, namespace: namespace === "" ? null : namespace };
  },
  connect,
});
