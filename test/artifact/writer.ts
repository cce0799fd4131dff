// A process that writes blobs into a store of files, for the test of that store: `writer.ts ROOT endless BYTES SALT`
// tells its parent of every piece it hands over and goes on until it is killed; `writer.ts ROOT same COUNT` ends.

import { FileArtifactStore } from "../../sdk/artifact/file-store.ts";

const [root = "", mode, count = "", salt = ""] = process.argv.slice(2);
const store = new FileArtifactStore(root);

async function* piecesOf(blob: number, size: number): AsyncIterable<Uint8Array> {
  const piece = Buffer.alloc(1024 * 1024, `${salt}:${blob};`);
  for (let written = 0; written < size; written += piece.length) {
    yield piece;
    process.send?.({ blob, written });
  }
}

if (mode === "endless") {
  for (let blob = 0; ; blob += 1) await store.putStream(piecesOf(blob, Number(count)));
}
for (let blob = 0; blob < Number(count); blob += 1) await store.put(Buffer.alloc(1000, `${blob};`));
process.disconnect();
