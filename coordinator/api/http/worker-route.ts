// Gives out the worker that is one file, to whoever was told where it is.

import type { Route } from "./http-server.ts";

export type GivenWorker = {
  readonly bytes: Uint8Array;
  readonly sha256: string;
  /** `/worker/` and what nobody can guess, in hexadecimal digits. */
  readonly path: string;
};

export function workerRoute({ bytes, path }: GivenWorker): Route {
  return {
    name: "/worker/KEY",
    path: new RegExp(`^${path}$`),
    methods: ["GET"],
    handle: ({ response }) => {
      response.writeHead(200, { "content-type": "text/javascript", "content-length": bytes.byteLength }).end(bytes);
      return Promise.resolve();
    },
  };
}
