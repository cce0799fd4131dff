// A program: streams a large blob into a bucket and back, and prints how much memory that took at its peak.
//
//   node test/s3/stream-large.ts URL MIB [presigned]

import { S3ArtifactStore } from "../../sdk/artifact/s3/s3-store.ts";
import { PresignedArtifactStore } from "../../sdk/artifact/s3/presigned-store.ts";
import { placeAt, useTestCredentials } from "./fixture.ts";

const [url = "", words = "", access = "role"] = process.argv.slice(2);
const mebibytes = Number(words);

async function* source(): AsyncIterable<Uint8Array> {
  const chunk = Buffer.alloc(1024 * 1024, "stream");
  for (let at = 0; at < mebibytes; at += 1) {
    chunk.writeUInt32LE(at);
    yield chunk;
  }
}

useTestCredentials();
const role = await S3ArtifactStore.open(placeAt(url));
const granted = new PresignedArtifactStore((requests) => role.sign(requests, { expiresInSeconds: 300 }));
const store = access === "role" ? role : granted;
const stored = await store.putStream(source());
const written = process.resourceUsage().maxRSS;
let size = 0;
for await (const piece of store.stream(stored.sha256)) size += piece.length;
const peakMiB = [written, process.resourceUsage().maxRSS].map((kibibytes) => Math.round(kibibytes / 1024));
console.log(JSON.stringify({ size, writtenPeakMiB: peakMiB[0], peakMiB: peakMiB[1] }));
role.close();
granted.close();
