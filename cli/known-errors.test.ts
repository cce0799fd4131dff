// Errors of other parts as the command line tells them: what a person can put right is never called a defect.

import assert from "node:assert/strict";
import { test } from "node:test";
import { openDoor } from "../coordinator/api/door.ts";
import { startHttpServer } from "../coordinator/api/http/http-server.ts";
import type { CoordinatorLog } from "../coordinator/shell/log.ts";
import { asCliError } from "./known-errors.ts";

const host = "127.0.0.1";
const silent = (): void => undefined;
const log: CoordinatorLog = { debug: silent, info: silent, warn: silent, error: silent };

async function refusalOf(promise: Promise<unknown>): Promise<{ readonly kind: string; readonly hint: string | null }> {
  const error = await promise.then(() => assert.fail("it listens"), asCliError);
  return { kind: error.kind, hint: error.hint };
}

void test("a port that somebody else has is a conflict, whichever port it is", async (context) => {
  const first = await openDoor({ host, port: 0, take: (socket) => socket.destroy() });
  context.after(() => first.close());
  const expected = {
    kind: "conflict",
    hint: "another process listens there: give this one an address of its own, --listen HOST:PORT or --http HOST:PORT",
  };
  assert.deepEqual(await refusalOf(openDoor({ host, port: first.port, take: (socket) => socket.destroy() })), expected);
  const http = { host, port: first.port, tls: null, routes: [], log };
  assert.deepEqual(await refusalOf(startHttpServer(http)), expected);
});

void test("an address that the machine does not have is a bad value", async () => {
  const { kind, hint } = await refusalOf(openDoor({ host: "192.0.2.200", port: 0, take: (socket) => socket.destroy() }));
  assert.equal(kind, "badValue");
  assert.match(hint ?? "", /address that this machine has/);
});
