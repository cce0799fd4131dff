import type { TokenRequest, TokenView } from "../../proto/token.ts";

export type Verified =
  | { readonly kind: "good"; readonly token: TokenView }
  | { readonly kind: "unknown" }
  /** Its holder is told what became of it. */
  | { readonly kind: "expired" | "revoked"; readonly token: TokenView };

/** The tokens that let clients and workers in. What a call reports is durable. */
export interface Tokens {
  /** The token itself is told this once. @throws ControlError invalid */
  create(request: Omit<TokenRequest, "certificate">): { readonly token: string; readonly view: TokenView };
  /** Those that still count first, each newest first. */
  list(): readonly TokenView[];
  /** @throws ControlError notFound, conflict */
  revoke(id: string): TokenView;
  verify(token: string): Verified;
  /** Null while the token counts. */
  whyEnded(id: string): string | null;
  /** Calls back once, as soon as the token counts no more. Returns the function that ends the wait. */
  whenEnded(id: string, callback: (why: string) => void): () => void;
}
