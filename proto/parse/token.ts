// Parser of what asks for a token.

import { roles, type TokenRequest } from "../token.ts";
import { boolean, count, nullable, object, oneOf, root, string, type Parser } from "./combinators.ts";

/** @throws ParseError */
export const parseTokenRequest: Parser<TokenRequest> = root(
  "token",
  object<TokenRequest>({
    name: string,
    role: oneOf(...roles),
    namespace: nullable(string),
    pool: nullable(string),
    ttlSeconds: nullable(count),
    certificate: boolean,
  }),
);
