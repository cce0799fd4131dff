// The parser of a request to collect garbage.

import type { CollectRequest, Retention } from "../collect.ts";
import { arrayOf, boolean, count, nullable, number, object, optional, root, string, type Parser } from "./combinators.ts";

const retention = object<Retention>({
  keepDays: nullable(number),
  keepLast: nullable(count),
  keepTags: arrayOf(string),
  namespace: nullable(string),
});

/** @throws ParseError */
export const parseCollectRequest: Parser<CollectRequest> = root(
  "request",
  object<CollectRequest>({ retention, keepLogs: boolean, dryRun: boolean, by: string, key: optional(string) }),
);
