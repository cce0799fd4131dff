// How both ends of a connection are set up: grpc-js options that must agree or were measured to matter.

import type { ChannelOptions } from "@grpc/grpc-js";

/**
 * Largest message from a coordinator. Batches are far smaller, but the order for a join over 100,000 inputs is one item of
 * more than 10 MB. One large message is simpler than pieces put together again, and such an order is rare.
 */
export const messageBytesMax = 256 * 1024 * 1024;
/** Largest message to a coordinator, which has many who send: a submission, or an outcome with all its references. */
export const requestBytesMax = 64 * 1024 * 1024;
/** Calls that one connection may have open. */
const streamsMax = 1000;

const both: ChannelOptions = {
  // A peer that is gone without a word is noticed within a quarter of a minute, also by a worker, which nobody sends beats.
  // A coordinator may be busy for a while, with the history of a large run: most of that time is for the answer.
  "grpc.keepalive_time_ms": 5000,
  "grpc.keepalive_timeout_ms": 10_000,
  "grpc.keepalive_permit_without_calls": 1,
  "grpc-node.flow_control_window": 1024 * 1024,
  // Megabytes. Node's own limit of 10 resets the streams of a burst.
  "grpc-node.max_session_memory": 1024,
};

export const serverOptions: ChannelOptions = {
  ...both,
  "grpc.max_receive_message_length": requestBytesMax,
  "grpc.max_send_message_length": messageBytesMax,
  "grpc.max_concurrent_streams": streamsMax,
};

export const clientOptions: ChannelOptions = {
  ...both,
  "grpc.max_receive_message_length": messageBytesMax,
  "grpc.max_send_message_length": requestBytesMax,
  // Retries keep what was sent on a stream for as long as it lives; whoever opens the stream opens it again itself.
  "grpc.enable_retries": 0,
  "grpc.initial_reconnect_backoff_ms": 200,
  "grpc.max_reconnect_backoff_ms": 5000,
  // A coordinator that comes back under the same address is a new one.
  "grpc.use_local_subchannel_pool": 1,
  // Proxies of the environment are for web traffic.
  "grpc.enable_http_proxy": 0,
};
