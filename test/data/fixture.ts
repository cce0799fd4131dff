// What the tests of `stepwell/s3` share: a strict server, an S3 on it, and waits that are counted instead of waited for.

import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { S3, type S3Options, type S3Tuning } from "../../sdk/s3/s3.ts";
import { S3Server, type S3ServerOptions } from "../s3-server/server.ts";
import { bucket, countedPacing, useTestCredentials } from "../s3/fixture.ts";

export const partBytes = 5 * 1024 * 1024;

export class TestData implements AsyncDisposable {
  readonly server: S3Server;
  /** Where fetched files go. */
  readonly folder: string;
  readonly waits: number[];
  readonly #tuning: S3Tuning;

  private constructor(server: S3Server, folder: string) {
    this.server = server;
    this.folder = folder;
    const pacing = countedPacing();
    this.waits = pacing.waits;
    this.#tuning = { pacing, partBytes, timeouts: { connectMs: 1000, idleMs: 2000 } };
  }

  static async start(options: S3ServerOptions = {}): Promise<TestData> {
    useTestCredentials();
    return new TestData(await S3Server.start({ bucket, ...options }), mkdtempSync(join(tmpdir(), "stepwell-data-")));
  }

  rootAt(prefix: string): string {
    return `s3://${bucket}/${prefix}?endpoint=${this.server.url}`;
  }

  open(options: S3Options = {}): S3 {
    const root = options.run === undefined ? { root: this.rootAt("root") } : {};
    return new S3({ tempDir: this.folder, ...root, ...options }, this.#tuning);
  }

  /** The bytes under a key of the bucket. */
  bytesAt(key: string): Buffer {
    const object = this.server.bucket(bucket).objects.get(key);
    if (object === undefined) throw new Error(`there is no object ${key}`);
    return object.content.kind === "memory" ? object.content.bytes : readFileSync(object.content.path);
  }

  /** All that was fetched and not removed. */
  get files(): readonly string[] {
    return readdirSync(this.folder, { recursive: true }).map(String);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.close();
    rmSync(this.folder, { recursive: true });
  }
}

/** Bytes of which no two stretches are alike. */
export function pattern(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let at = 0; at + 4 <= length; at += 4) bytes.writeUInt32LE(Math.imul(at, 2_654_435_761) >>> 0, at);
  return bytes;
}
