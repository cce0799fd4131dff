import assert from "node:assert/strict";
import { test } from "node:test";
import { explain, reasonOf, RequestFailure } from "./request-failure.ts";

test("a URL that was signed by a wrong clock is told from one that was never good", () => {
  assert.equal(reasonOf(403, "AccessDenied", "Request has expired"), "expired");
  for (const message of ["Request is not valid yet", "Request is not yet valid"])
    assert.equal(reasonOf(403, "AccessDenied", message), "skewed");
  assert.equal(reasonOf(403, "AccessDenied", "Access Denied"), "denied");
  const { message } = explain("blob 12ab could not be written", "the blobs of the coordinator", new RequestFailure("skewed", "403"));
  assert.match(message, /set the clocks: that of this machine, or of the coordinator/);
});
