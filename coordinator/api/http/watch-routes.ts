// What watches over a coordinator asks for by HTTP: whether it lives, whether it is ready, its version, and its metrics.

import type { HealthView } from "../../../proto/health.ts";
import { metricsContentType, type Registry } from "../../../sdk/metrics/registry.ts";
import { HttpError, type HttpRequest, type Route } from "./http-server.ts";

export type WatchRoutesOptions = {
  readonly registry: Registry;
  readonly version: string;
  /** Null while the coordinator is starting. */
  readonly health: () => Promise<HealthView> | null;
};

export function watchRoutes({ registry, version, health }: WatchRoutesOptions): readonly Route[] {
  const route = (name: string, handle: Route["handle"]): Route => ({
    name,
    path: new RegExp(`^${name}$`),
    methods: ["GET"],
    handle,
  });
  return [
    // It answers, and so it lives.
    route("/healthz", ({ response }) => Promise.resolve(void response.setHeader("content-type", "text/plain; charset=utf-8").end("ok\n"))),
    route("/readyz", async ({ response }) => {
      const view = await health();
      const parts = view?.parts.map(({ part, status, sinceMs }) => ({ part, status, since: timeOf(sinceMs) })) ?? [];
      // Why a part is not well may name what is not for everybody: those who are let in ask `stepwell doctor`.
      const body = JSON.stringify({ ready: view?.ready ?? false, parts });
      response.writeHead(view?.ready === true ? 200 : 503, { "content-type": "application/json" }).end(`${body}\n`);
    }),
    route("/version", ({ response }) =>
      Promise.resolve(void response.setHeader("content-type", "application/json").end(`${JSON.stringify({ version })}\n`)),
    ),
    route("/metrics", async ({ response, principal }: HttpRequest) => {
      if (principal !== null && principal.namespace !== null)
        throw new HttpError(403, "the metrics are about all namespaces, and this token is limited to one");
      const text = await registry.text();
      response.writeHead(200, { "content-type": metricsContentType }).end(text);
    }),
  ];
}

function timeOf(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
