// What the measuring process and a system's process say to each other.

export type Ask =
  | {
      readonly kind: "open";
      /** Of the system's own server, with its password; empty where it has none. */
      readonly address: string;
      /** Where the server is managed, where that is another address. */
      readonly adminAddress: string;
      /** A folder of its own, on the disk of the checkout. */
      readonly folder: string;
      /** Which of several ways to use the system; each program names its own. */
      readonly way: string;
    }
  | { readonly kind: "fan"; readonly width: number }
  | { readonly kind: "chain"; readonly length: number }
  | { readonly kind: "close" };

export type Answer = { readonly kind: "opened" | "closed" } | { readonly kind: "done"; readonly ms: number; readonly value: number };
