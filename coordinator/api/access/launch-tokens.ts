// The tokens of launched workers: each launch has one of its own, for as long as it may last.

import { batchPool } from "../../../proto/shape.ts";
import type { LaunchId } from "../../../proto/launch.ts";
import type { Tokens } from "../../ports/tokens.ts";
import { launchTokenName } from "./principal.ts";

/** No job lasts longer. Seconds. */
const ttlSeconds = 14 * 86_400;

export interface LaunchTokens {
  /** For the workers of the launch alone; null where everybody is let in. @throws ControlError */
  create(launch: LaunchId): string | null;
  /** Does nothing where it has none. */
  revoke(launch: LaunchId): void;
}

export function launchTokens(tokens: Tokens | null): LaunchTokens {
  return {
    create: (launch) =>
      tokens?.create({ name: launchTokenName(launch), role: "worker", namespace: null, pool: batchPool, ttlSeconds }).token ?? null,
    revoke: (launch) => {
      const name = launchTokenName(launch);
      for (const token of tokens?.list() ?? []) if (token.name === name && token.revokedAtMs === null) tokens?.revoke(token.id);
    },
  };
}
