// Says in time that the certificate of a server ends: it is read when the server starts, and never changes while it runs.

import { X509Certificate } from "node:crypto";
import type { Clock } from "../../ports/clock.ts";
import type { CoordinatorLog } from "../../shell/log.ts";

/** So many days before the end it is told, each day. */
export const expiryDays = 30;
const dayMs = 86_400_000;

export type ExpiryOptions = {
  /** PEM; of several certificates the first is the server's. */
  readonly cert: string;
  /** What is to be done before the end. */
  readonly remedy: string;
  readonly clock: Clock;
  readonly log: CoordinatorLog;
};

/** Returns the function that ends it. */
export function watchExpiry({ cert, remedy, clock, log }: ExpiryOptions): () => void {
  const endsAtMs = Date.parse(new X509Certificate(cert).validTo);
  let cancel = (): void => undefined;
  const look = (): void => {
    const days = Math.floor((endsAtMs - clock.nowMs()) / dayMs);
    const fields = { event: "tls.expiring", days_left: days, ends_at: new Date(endsAtMs).toISOString() };
    if (days < 0) log.error(fields, `the certificate has ended, and nobody can connect: ${remedy}`);
    else if (days < expiryDays) log.warn(fields, `the certificate ends soon: ${remedy}`);
    cancel = clock.after(dayMs, look, { background: true });
  };
  look();
  return () => cancel();
}
