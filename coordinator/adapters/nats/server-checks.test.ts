import assert from "node:assert/strict";
import { test } from "node:test";
import { checkAccount, checkServer } from "./server-checks.ts";

const good = { version: "2.9.10", jetstream: true, headers: true, max_payload: 1_048_576 };
const unlimited = { max_storage: -1, max_streams: -1, max_consumers: -1, storage_max_stream_bytes: -1 };

test("versions are told apart by number", () => {
  for (const version of ["2.9.0", "2.9.25", "2.10.0", "2.15.2", "3.0.0", "2.12.0-preview.1"]) {
    assert.deepEqual(checkServer({ ...good, version }).refusals, [], version);
  }
  for (const version of ["2.8.4", "1.10.0", "0.9.99", "garbage"])
    assert.match(checkServer({ ...good, version }).refusals.join(), /too old/, version);
});

test("how a server keeps its files is told, not refused", () => {
  assert.match(checkServer(good).notices.join(), /every two minutes/);
  assert.match(checkServer({ ...good, version: "2.10.0" }).notices.join(), /sync_interval: always/);
  assert.match(checkServer({ ...good, version: "2.10.22" }).notices.join(), /forget streams/);
  assert.doesNotMatch(checkServer({ ...good, version: "2.10.23" }).notices.join(), /forget streams/);
});

test("a server without JetStream, headers or room for a message is refused", () => {
  assert.match(checkServer({ ...good, jetstream: false }).refusals.join(), /JetStream is off/);
  assert.match(checkServer({ ...good, headers: false }).refusals.join(), /headers are off/);
  assert.deepEqual(checkServer({ ...good, max_payload: 1024 }).refusals, []);
  assert.match(checkServer({ ...good, max_payload: 1023 }).refusals.join(), /max_payload is 1023 bytes/);
});

test("an account that may not hold a pool is refused", () => {
  assert.deepEqual(checkAccount(unlimited), []);
  const enough = 32 * 2 ** 20;
  assert.deepEqual(checkAccount({ ...unlimited, max_storage: enough, storage_max_stream_bytes: enough }), []);
  assert.match(checkAccount({ ...unlimited, max_storage: enough - 1 }).join(), /raise the account's max_file/);
  assert.match(checkAccount({ ...unlimited, storage_max_stream_bytes: enough - 1 }).join(), /raise max_stream_bytes/);
  assert.match(checkAccount({ ...unlimited, max_streams: 0, max_consumers: 0 }).join(), /no streams.*no consumers/);
});
