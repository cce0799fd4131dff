// All that there is in the server.

import type { Definitions } from "./definitions.ts";
import type { Glass } from "./glass.ts";
import type { Queues } from "./queues.ts";
import type { Scheduler } from "./scheduler.ts";

export type World = {
  readonly definitions: Definitions;
  readonly queues: Queues;
  readonly scheduler: Scheduler;
  readonly glass: Glass;
};
