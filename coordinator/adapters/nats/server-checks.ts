// Whether a NATS server can hold the task queue: what it refuses to be used for, and what one should know of it.

import type { JetStreamAccountStats, ServerInfo } from "nats";
import { messageBytesMax } from "./hint.ts";
import { streamBytesMax } from "./pool-stream.ts";

/** Before it, servers lack the consumers that we ask for. */
const oldest = [2, 9] as const;

export type ServerFindings = {
  /** Each with what to do; the queue cannot work so. */
  readonly refusals: readonly string[];
  /** Worth knowing: the ledger is the truth, so these cost time only. */
  readonly notices: string[];
};

type Checked = Pick<ServerInfo, "version" | "max_payload"> & { readonly jetstream?: boolean; readonly headers?: boolean };

export function checkServer(info: Checked): ServerFindings {
  const refusals: string[] = [];
  if (isOlder(info.version, oldest)) {
    refusals.push(`nats-server ${info.version} is too old: 2.9 or newer is needed`);
  }
  if (info.jetstream !== true) {
    refusals.push(
      'JetStream is off: start the server with --jetstream --store_dir DIR, or put `jetstream { store_dir: "DIR" }` into its configuration',
    );
  }
  if (info.headers !== true) refusals.push("headers are off: remove `no_header_support` from its configuration");
  if (info.max_payload < messageBytesMax) {
    refusals.push(`max_payload is ${info.max_payload} bytes: at least ${messageBytesMax} are needed`);
  }
  return { refusals, notices: noticesOf(info.version) };
}

type Limits = Pick<JetStreamAccountStats["limits"], "max_storage" | "max_streams" | "max_consumers"> & {
  readonly storage_max_stream_bytes?: number;
};

/** -1 stands for no limit. */
export function checkAccount(limits: Limits): readonly string[] {
  const { max_storage: storage, storage_max_stream_bytes: stream = -1, max_streams: streams, max_consumers: consumers } = limits;
  const needed = `${streamBytesMax / 2 ** 20} MiB`;
  return [
    ...(storage >= 0 && storage < streamBytesMax
      ? [`its account may store ${storage} bytes, and one pool needs ${needed}: raise the account's max_file`]
      : []),
    ...(stream > 0 && stream < streamBytesMax
      ? [`its account limits a stream to ${stream} bytes, and a pool needs ${needed}: raise max_stream_bytes`]
      : []),
    ...(streams === 0 ? ["its account may have no streams: raise max_streams"] : []),
    ...(consumers === 0 ? ["its account may have no consumers: raise max_consumers"] : []),
  ];
}

function noticesOf(version: string): string[] {
  if (isOlder(version, [2, 10])) {
    return [
      `nats-server ${version} syncs its files every two minutes: after a power failure lost tasks are published again from the ledger`,
    ];
  }
  const losesStreams = !isOlder(version, [2, 10, 20]) && isOlder(version, [2, 10, 23]);
  return [
    "whether the server syncs each message cannot be seen from here: without `sync_interval: always` in its `jetstream` block, lost tasks are published again from the ledger",
    ...(losesStreams ? [`nats-server ${version} may forget streams when it is killed: use 2.10.23 or newer`] : []),
  ];
}

function isOlder(version: string, than: readonly number[]): boolean {
  const numbers = version.split(/[.-]/).map(Number);
  for (const [place, wanted] of than.entries()) {
    const number = numbers[place] ?? 0;
    if (number !== wanted) return !(number > wanted);
  }
  return false;
}
