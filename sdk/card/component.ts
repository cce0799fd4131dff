// What a card is made of: plain data, so that it is kept like any other artifact and drawn by whoever reads it.

/** A value in a table. */
export type Cell = string | number | boolean | null;

export type JsonValue = string | number | boolean | null | readonly JsonValue[] | { readonly [key: string]: JsonValue };

export type ImageFormat = "png" | "jpeg" | "svg";

export type CardComponent =
  | { readonly kind: "markdown"; readonly text: string }
  /** Each row has a cell for each header. */
  | { readonly kind: "table"; readonly headers: readonly string[]; readonly rows: readonly (readonly Cell[])[] }
  /** `change` is null where there is nothing to compare with. */
  | { readonly kind: "metric"; readonly label: string; readonly value: string | number; readonly change: string | number | null }
  | { readonly kind: "image"; readonly format: ImageFormat; readonly bytes: Uint8Array; readonly alt: string }
  /** `language` is empty where it is not known. */
  | { readonly kind: "code"; readonly text: string; readonly language: string }
  | { readonly kind: "json"; readonly value: JsonValue }
  | { readonly kind: "progress"; readonly label: string; readonly done: number; readonly total: number }
  /** A value for each label. */
  | {
      readonly kind: "chart";
      readonly shape: "line" | "bar";
      readonly title: string;
      readonly labels: readonly string[];
      readonly values: readonly number[];
    };

/** Raised when an old reader would misunderstand. */
export const cardVersion = "card/v1";

export type Card = { readonly version: typeof cardVersion; readonly components: readonly CardComponent[] };
