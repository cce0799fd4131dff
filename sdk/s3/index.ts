// The package entry `stepwell/s3`: data in S3, from inside of steps and from anywhere else.

import { S3, type S3Options } from "./s3.ts";

export type { Encryption, ObjectHeaders } from "./bucket-requests.ts";
export type { S3, S3ManyOptions, S3Options, S3Put, S3PutFile, S3Value } from "./s3.ts";
export { S3Error, type S3Problem } from "./s3-error.ts";
export {
  S3File,
  S3Results,
  type S3Folder,
  type S3Info,
  type S3Listed,
  type S3Missing,
  type S3Range,
  type S3Request,
  type S3Written,
} from "./values.ts";

/** Keys are relative to `root` or to the folder of `run`; without either they are URLs. Nothing is asked yet. @throws S3Error */
export function openS3(options: S3Options = {}): S3 {
  return new S3(options, {});
}
