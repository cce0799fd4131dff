// A coordinator elsewhere, as commands and programs read from it. Nothing is loaded or sent before the first question.

import type { Control } from "../../proto/control.ts";
import type { RunId } from "../../proto/ids.ts";
import type { Endpoint } from "../../sdk/wire/endpoint.ts";
import type { ControlClient } from "../../sdk/wire/control-client.ts";
import type { Connection, Reader } from "../reader.ts";
import { lastingControl } from "./lasting-control.ts";
import { RemoteStore } from "./remote-store.ts";

export type Remote = Reader & { readonly connection: Connection };

/** `runs` are those whose blobs are wanted beside those that will be asked about. */
export function openRemote(endpoint: Endpoint, runs: readonly RunId[] = []): Remote {
  const connection: Connection = { onAway: null, onBack: null };
  let opening: Promise<ControlClient> | null = null;
  const client = (): Promise<ControlClient> => (opening ??= connect(endpoint));
  const known = new KnownRuns(runs);
  const control = noting(lastingControl(lateControl(client), connection), known);
  const store = new RemoteStore({ endpoint, control, runs: () => known.newestFirst });
  return {
    control,
    store,
    connection,
    close: async () => {
      await store.close();
      (await opening)?.close();
    },
  };
}

/** Those that were asked about last: whoever reads artifacts has asked for their run before. */
class KnownRuns {
  newestFirst: readonly RunId[];

  constructor(runs: readonly RunId[]) {
    this.newestFirst = runs;
  }

  note(run: RunId): void {
    if (this.newestFirst[0] !== run) this.newestFirst = [run, ...this.newestFirst.filter((one) => one !== run)].slice(0, runsMax);
  }
}

const runsMax = 16;

function noting(control: Control, known: KnownRuns): Control {
  return {
    ...control,
    run: (run) => {
      known.note(run);
      return control.run(run);
    },
    task: (run, task) => {
      known.note(run);
      return control.task(run, task);
    },
    tasks: (run, query) => {
      known.note(run);
      return control.tasks(run, query);
    },
    latest: async (query) => {
      const view = await control.latest(query);
      if (view !== null) known.note(view.run);
      return view;
    },
  };
}

async function connect(endpoint: Endpoint): Promise<ControlClient> {
  const { connectControl } = await import("../../sdk/wire/control-client.ts");
  return connectControl(endpoint);
}

/** Loads the transport when the first question is asked. */
function lateControl(client: () => Promise<Control>): Control {
  return {
    submit: async (request) => (await client()).submit(request),
    plan: async (request) => (await client()).plan(request),
    cancel: async (run, asker) => (await client()).cancel(run, asker),
    retry: async (run, asker, tasks) => (await client()).retry(run, asker, tasks),
    tag: async (run, asker, change) => (await client()).tag(run, asker, change),
    runs: async (query) => (await client()).runs(query),
    flows: async (namespace) => (await client()).flows(namespace),
    latest: async (query) => (await client()).latest(query),
    run: async (run) => (await client()).run(run),
    tasks: async (run, query) => (await client()).tasks(run, query),
    task: async (run, task) => (await client()).task(run, task),
    waits: async (run) => (await client()).waits(run),
    workers: async () => (await client()).workers(),
    health: async () => (await client()).health(),
    drainWorker: async (worker, by, withinMs) => (await client()).drainWorker(worker, by, withinMs),
    collect: async (request) => (await client()).collect(request),
    blobPlaces: async () => (await client()).blobPlaces(),
    grantBlobs: async (run, requests) => (await client()).grantBlobs(run, requests),
    events: async function* (run, afterSeq) {
      yield* (await client()).events(run, afterSeq);
    },
    logs: async function* (query) {
      yield* (await client()).logs(query);
    },
  };
}
