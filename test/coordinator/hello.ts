// What a small worker says first.

import { protocolVersions, type Hello } from "../../sdk/wire/worker-items.ts";

export const hello: Hello = {
  worker: "w1",
  host: "here",
  pid: 1,
  version: "test",
  protocol: protocolVersions.newest,
  oldestProtocol: protocolVersions.oldest,
  slots: 1,
  cpu: 1,
  memoryMiB: 1,
  gpu: 0,
  labels: {},
  pool: "",
  unbounded: false,
  held: [],
  runs: [],
};
