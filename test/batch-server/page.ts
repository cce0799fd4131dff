// A page of a longer list. The token is where the next one begins.

import { invalid } from "./invalid.ts";

export type PageRequest = { readonly maxResults?: number | undefined; readonly nextToken?: string | undefined };

export type Page<Item> = { readonly items: readonly Item[]; readonly rest: { readonly nextToken?: string } };

export function page<Item>(all: readonly Item[], { maxResults, nextToken }: PageRequest, max: number): Page<Item> {
  const size = maxResults ?? max;
  if (!(Number.isInteger(size) && size >= 1 && size <= max)) throw invalid(`maxResults must be between 1 and ${max}`);
  const from =
    nextToken === undefined
      ? 0
      : Number(
          Buffer.from(nextToken, "base64url")
            .toString()
            .replace(/^from-/, ""),
        );
  if (!Number.isInteger(from)) throw invalid("nextToken is not valid");
  const isMore = from + size < all.length;
  const next = Buffer.from(`from-${from + size}`).toString("base64url");
  return { items: all.slice(from, from + size), rest: isMore ? { nextToken: next } : {} };
}
