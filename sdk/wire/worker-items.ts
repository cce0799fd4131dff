// The items that a worker and its coordinator send each other, as proto/worker.proto lays them out. Bodies (orders,
// outcomes) stay bytes here: who wants them parses them.

import type { LaunchClaim } from "../../proto/launch.ts";
import type { MachineLoad } from "../../proto/view.ts";

/** The protocols that this side speaks; the newest is raised when an old worker would misunderstand. */
export const protocolVersions = { oldest: 1, newest: 1 } as const;

/** The newest protocol that both sides speak; null where there is none. */
export function agreedProtocol(
  { protocol, oldestProtocol }: Pick<Hello, "protocol" | "oldestProtocol">,
  own: ProtocolRange,
): number | null {
  const newest = Math.min(protocol, own.newest);
  return newest >= Math.max(oldestProtocol, own.oldest) ? newest : null;
}

type ProtocolRange = { readonly oldest: number; readonly newest: number };

/** Names an assignment of one attempt. */
export type Held = { readonly run: string; readonly task: string; readonly attempt: number; readonly lease: number };

export type Hello = {
  readonly worker: string;
  readonly host: string;
  readonly pid: number;
  readonly version: string;
  /** The newest protocol that it speaks, and the oldest. */
  readonly protocol: number;
  readonly oldestProtocol: number;
  readonly slots: number;
  readonly cpu: number;
  readonly memoryMiB: number;
  readonly gpu: number;
  readonly labels: Readonly<Record<string, string>>;
  /** What the worker still works on, or has an unaccepted outcome of, after a broken connection. */
  readonly held: readonly Held[];
  /** Work for these runs only; empty means any. */
  readonly runs: readonly string[];
  /** Empty: the default pool. */
  readonly pool: string;
  /** It takes any task, whatever that asks for: the only worker of a machine by itself. */
  readonly unbounded: boolean;
  /** Of a worker that was launched. */
  readonly launch?: LaunchClaim;
};

export type LogText = { readonly stream: "stdout" | "stderr" | "system"; readonly atMs: number; readonly text: string };

export type WorkerItem =
  /** First on a stream. */
  | { readonly kind: "hello"; readonly hello: Hello }
  | { readonly kind: "beat"; readonly held: readonly Held[]; readonly load?: MachineLoad }
  /** `outcome` is the JSON of a TaskOutcome. */
  | { readonly kind: "outcome"; readonly of: Held; readonly outcome: Uint8Array }
  /** `from` counts the lines that the attempt had before these. */
  | { readonly kind: "logs"; readonly of: Held; readonly from: number; readonly lines: readonly LogText[] }
  /** So many assignments more are welcome. */
  | { readonly kind: "credit"; readonly slots: number }
  | { readonly kind: "draining" }
  /** `requests` is the JSON of BlobRequest[]; the answer has the same `id`. */
  | { readonly kind: "askBlobs"; readonly of: Held; readonly id: number; readonly requests: Uint8Array };

export type CoordinatorItem =
  /** `blobs` is the JSON of BlobPlace[]; empty where the worker knows where blobs are. */
  | {
      readonly kind: "welcome";
      readonly protocol: number;
      readonly version: string;
      readonly leaseMs: number;
      readonly beatMs: number;
      readonly blobs: Uint8Array;
    }
  /** `order` is the JSON of a TaskOrder. */
  | { readonly kind: "assign"; readonly of: Held; readonly order: Uint8Array }
  | { readonly kind: "stop"; readonly of: Held; readonly graceMs: number; readonly by: string }
  | { readonly kind: "revoke"; readonly of: Held }
  | { readonly kind: "accepted"; readonly of: Held; readonly refused: boolean }
  | { readonly kind: "drain" }
  /** The attempt's first so many lines are kept: they need not be sent again. */
  | { readonly kind: "linesKept"; readonly of: Held; readonly lines: number }
  /** `answer` is the JSON of a BlobAnswer. */
  | { readonly kind: "blobsAnswered"; readonly id: number; readonly answer: Uint8Array };
