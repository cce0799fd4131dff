// Keeps the certificate of a running server current: looks every hour whether there is another one, and says in time that the
// one that it has ends.
//
// R1. What is shown is a certificate and its own key: of two files, one may have been written before the other.

import { X509Certificate } from "node:crypto";
import { createSecureContext } from "node:tls";
import type { CertifiedKey, ServerTls } from "../../api/server-tls.ts";
import type { Clock } from "../../ports/clock.ts";
import { errorField, type CoordinatorLog } from "../../shell/log.ts";

/** So many days before the end it is told, each day. */
export const expiryDays = 30;
const dayMs = 86_400_000;
const lookEveryMs = 3_600_000;

export type RenewalOptions = {
  /** What the server would be started with now. Of several certificates the first is the server's. */
  readonly load: () => ServerTls;
  /** What is to be done before the end. */
  readonly remedy: string;
  readonly clock: Clock;
  readonly log: CoordinatorLog;
};

/** Read when it is opened, and again while it runs. */
export class RenewedTls {
  /** For a server. */
  readonly tls: ServerTls;
  readonly #options: RenewalOptions;
  readonly #shown = new Set<(renewed: CertifiedKey) => void>();
  #current: CertifiedKey;
  #toldAtMs = -Infinity;
  #cancel: () => void = () => undefined;

  /** @throws what `load` throws */
  constructor(options: RenewalOptions) {
    this.#options = options;
    const { cert, key, clientCa } = options.load();
    this.#current = { cert, key };
    this.tls = { cert, key, clientCa, onRenewed: (show) => this.#shown.add(show) };
    this.#tell();
    this.#lookLater();
  }

  close(): void {
    this.#cancel();
  }

  #lookLater(): void {
    const look = (): void => {
      this.#renew();
      this.#tell();
      this.#lookLater();
    };
    this.#cancel = this.#options.clock.after(lookEveryMs, look, { background: true });
  }

  #renew(): void {
    const { load, log } = this.#options;
    try {
      const { cert, key } = load();
      if (cert === this.#current.cert && key === this.#current.key) return;
      createSecureContext({ cert, key }); // R1
      this.#current = { cert, key };
      for (const show of this.#shown) show(this.#current);
      log.info({ event: "tls.renewed", ends_at: new Date(endOf(cert)).toISOString() }, "new connections are shown another certificate");
    } catch (error) {
      log.warn({ event: "tls.notRenewed", err: errorField(error) }, "another certificate cannot be used: the one before is shown still");
    }
  }

  #tell(): void {
    const { remedy, clock, log } = this.#options;
    const [nowMs, endsAtMs] = [clock.nowMs(), endOf(this.#current.cert)];
    const days = Math.floor((endsAtMs - nowMs) / dayMs);
    if (days >= expiryDays || nowMs - this.#toldAtMs < dayMs) return;
    this.#toldAtMs = nowMs;
    const fields = { event: "tls.expiring", days_left: days, ends_at: new Date(endsAtMs).toISOString() };
    if (days < 0) log.error(fields, `the certificate has ended, and nobody can connect: ${remedy}`);
    else log.warn(fields, `the certificate ends soon: ${remedy}`);
  }
}

function endOf(cert: string): number {
  return Date.parse(new X509Certificate(cert).validTo);
}
