// A coordinator elsewhere, as commands and programs read from it. Nothing is loaded or sent before the first question.

import type { Control } from "../../proto/control.ts";
import type { Endpoint } from "../../sdk/wire/endpoint.ts";
import type { ControlClient } from "../../sdk/wire/control-client.ts";
import type { Connection, Reader } from "../reader.ts";
import { lastingControl } from "./lasting-control.ts";
import { RemoteStore } from "./remote-store.ts";

export type Remote = Reader & { readonly connection: Connection; readonly store: RemoteStore };

export function openRemote(endpoint: Endpoint): Remote {
  const connection: Connection = { onAway: null, onBack: null };
  let opening: Promise<ControlClient> | null = null;
  const client = (): Promise<ControlClient> => (opening ??= connect(endpoint));
  const control = lastingControl(lateControl(client), connection);
  const store = RemoteStore.open(endpoint, control);
  return {
    control,
    store,
    storeOf: (run) => store.of(run),
    connection,
    close: async () => {
      await store.close();
      (await opening)?.close();
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
    launches: async () => (await client()).launches(),
    endLaunch: async (launch, by) => (await client()).endLaunch(launch, by),
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
