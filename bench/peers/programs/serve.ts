// A system's side of the measurement: opens the system and performs what it is asked, one request after the other.

import type { Answer, Ask } from "../protocol.ts";

export type ProgramOptions = Omit<Extract<Ask, { kind: "open" }>, "kind">;

/** With a time where it isn't that from the call to its answer which counts. */
export type Result = number | { readonly value: number; readonly ms: number };

/** A system that is ready for work: connected, its workers started. */
export type Peer = {
  /** Tasks that give back their own number, and one that adds them up after the last. @returns the sum */
  fan(width: number): Promise<Result>;
  /** Steps of which each starts after the one before. @returns how many have run */
  chain(length: number): Promise<Result>;
  close(): Promise<void>;
};

/** Serves the process that forked this one, until it says `close`. */
export function serve(open: (options: ProgramOptions) => Promise<Peer>): void {
  let peer: Peer | null = null;
  const perform = async (ask: Ask): Promise<Answer> => {
    if (ask.kind === "open") {
      peer = await open(ask);
      return { kind: "opened" };
    }
    if (peer === null) throw new Error(`${ask.kind} was asked before open`);
    const { fan, chain } = peer;
    switch (ask.kind) {
      case "fan":
        return timed(() => fan(ask.width));
      case "chain":
        return timed(() => chain(ask.length));
      case "close":
        await peer.close();
        return { kind: "closed" };
      default:
        return unknownAsk(ask);
    }
  };
  process.on("message", (ask: Ask) => {
    perform(ask).then(
      (answer) => process.send?.(answer, () => answer.kind === "closed" && process.exit(0)),
      (error: unknown) => {
        console.error(error);
        process.exit(1);
      },
    );
  });
  process.once("disconnect", () => process.exit(1));
}

async function timed(work: () => Promise<Result>): Promise<Answer> {
  const startMs = performance.now();
  const result = await work();
  const ms = performance.now() - startMs;
  return { kind: "done", ...(typeof result === "number" ? { value: result, ms } : result) };
}

function unknownAsk(ask: never): never {
  throw new Error(`no such request: ${JSON.stringify(ask)}`);
}
