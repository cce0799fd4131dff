// A blob of a gibibyte goes to S3 and back through a bounded piece of memory.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { S3Process } from "../s3-server/process.ts";

const mebibytes = 1024;
/** Node and the AWS SDK take about 120 of them, the bytes on their way 64, and what is collected late the rest. */
const peakMiBMax = 450;

test("streaming 1 GiB to a bucket and back takes memory for what is on its way alone", { timeout: 170_000 }, async () => {
  await using server = await S3Process.start();
  const { stdout } = await promisify(execFile)(process.execPath, [
    join(import.meta.dirname, "stream-large.ts"),
    server.url,
    String(mebibytes),
  ]);
  const measured = JSON.parse(stdout) as { readonly size: number; readonly peakMiB: number };
  assert.equal(measured.size, mebibytes * 1024 * 1024);
  assert.ok(measured.peakMiB < peakMiBMax, `${measured.peakMiB} MiB at the peak`);
});
