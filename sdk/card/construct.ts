// `card.markdown(...)` and its siblings: what the author of a flow makes components with.

import type { CardComponent, Cell } from "./component.ts";
import { CardError, parseComponent } from "./parse-component.ts";

type ImageBytes = { readonly png: Uint8Array } | { readonly jpeg: Uint8Array } | { readonly svg: Uint8Array | string };

type ImageInput = ImageBytes & {
  /** What the image shows, in words, for those who cannot see it. */
  readonly alt: string;
};

export type TableInput = { readonly headers: readonly string[]; readonly rows: readonly (readonly Cell[])[] };

export type MetricInput = {
  readonly label: string;
  readonly value: string | number;
  /** Against what it was before; a number is shown with its sign. */
  readonly change?: string | number;
};

export type ChartInput = {
  readonly shape: "line" | "bar";
  readonly title?: string;
  /** One for each value. */
  readonly labels: readonly (string | number)[];
  readonly values: readonly number[];
};

/** Components of a card. Each throws a CardError that says what is wrong where it is made. */
export const card = {
  /** Headings, emphasis, lists, tables, links, code. HTML in it is shown as it is written. */
  markdown: (text: string): CardComponent => parseComponent({ kind: "markdown", text }),
  table: ({ headers, rows }: TableInput): CardComponent => parseComponent({ kind: "table", headers, rows }),
  metric: ({ label, value, change }: MetricInput): CardComponent => parseComponent({ kind: "metric", label, value, change }),
  image,
  code: (text: string, language = ""): CardComponent => parseComponent({ kind: "code", text, language }),
  /** Anything that has JSON, as it is now. */
  json: (value: unknown): CardComponent => parseComponent({ kind: "json", value }),
  progress: (input: { readonly label: string; readonly done: number; readonly total: number }): CardComponent =>
    parseComponent({ ...input, kind: "progress" }),
  chart: ({ shape, title = "", labels, values }: ChartInput): CardComponent =>
    parseComponent({ kind: "chart", shape, title, labels: Array.isArray(labels) ? labels.map(String) : labels, values }),
} as const;

function image(input: ImageInput): CardComponent {
  const { alt } = input;
  if ("png" in input) return parseComponent({ kind: "image", format: "png", bytes: input.png, alt });
  if ("jpeg" in input) return parseComponent({ kind: "image", format: "jpeg", bytes: input.jpeg, alt });
  if (!("svg" in input)) throw new CardError("image: give its bytes as png, jpeg or svg");
  const bytes = typeof input.svg === "string" ? new TextEncoder().encode(input.svg) : input.svg;
  return parseComponent({ kind: "image", format: "svg", bytes, alt });
}
