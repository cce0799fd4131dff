// Parameters as an author declares them: `rate = parameter.number({ default: 0.1 })`. The call leaves a declaration in
// the field, typed as the value that steps will read there; the values take its place when a step runs.

import type { ParameterKind } from "../../proto/graph.ts";

/** What a default that is computed gets to know. It runs once, when the run is submitted. */
export type DefaultContext = { readonly flow: string; readonly parameter: string; readonly user: string };

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** The value, or a function that makes it when the run is submitted. */
type Default<T> = T | ((context: DefaultContext) => T | Promise<T>);

/** Options that every kind has. */
type ParameterOptions<T> = {
  readonly default?: Default<T>;
  /** Refuse to start without a value. */
  readonly required?: boolean;
  readonly help?: string;
  /** Masked wherever values are shown. */
  readonly secret?: boolean;
  /** Says what is wrong with a value; nothing or true where it is fine, false for a plain "not valid". */
  readonly validate?: (value: T) => string | boolean | null | undefined;
};

type Choices<C> = { readonly choices?: readonly C[] };
/** With one of these a step always finds a value. */
type Present<T> = { readonly default: Default<T> } | { readonly required: true };

type FileOptions<As, T> = {
  /** Steps read the content as this. */
  readonly as?: As;
  /** Path of the file that is read when none is given. */
  readonly default?: Default<string>;
  readonly required?: boolean;
  readonly help?: string;
  readonly secret?: boolean;
  readonly validate?: (content: T) => string | boolean | null | undefined;
};

export type FileContent = "text" | "bytes";

/** What stands in the field until a step runs. */
export class ParameterDeclaration {
  readonly kind: ParameterKind;
  readonly options: DeclaredOptions;
  constructor(kind: ParameterKind, options: DeclaredOptions) {
    this.kind = kind;
    this.options = options;
  }
}

/** The options of any kind, before anybody has checked them. */
export type DeclaredOptions = {
  readonly default?: unknown;
  readonly required?: boolean;
  readonly help?: string;
  readonly secret?: boolean;
  readonly choices?: readonly (string | number)[];
  readonly validate?: (value: never) => string | boolean | null | undefined;
  readonly as?: FileContent;
};

// The field holds a declaration and is typed as the value: steps only ever see the value.
function declared(kind: ParameterKind, options: DeclaredOptions | undefined): never {
  return new ParameterDeclaration(kind, options ?? {}) as never;
}

function string<const C extends string = string>(options: ParameterOptions<NoInfer<C>> & Choices<C> & Present<NoInfer<C>>): C;
function string<const C extends string = string>(options?: ParameterOptions<NoInfer<C>> & Choices<C>): C | undefined;
function string(options?: DeclaredOptions): string | undefined {
  return declared("string", options);
}

function number<const C extends number = number>(options: ParameterOptions<NoInfer<C>> & Choices<C> & Present<NoInfer<C>>): C;
function number<const C extends number = number>(options?: ParameterOptions<NoInfer<C>> & Choices<C>): C | undefined;
function number(options?: DeclaredOptions): number | undefined {
  return declared("number", options);
}

function integer<const C extends number = number>(options: ParameterOptions<NoInfer<C>> & Choices<C> & Present<NoInfer<C>>): C;
function integer<const C extends number = number>(options?: ParameterOptions<NoInfer<C>> & Choices<C>): C | undefined;
function integer(options?: DeclaredOptions): number | undefined {
  return declared("integer", options);
}

function boolean(options: ParameterOptions<boolean> & Present<boolean>): boolean;
function boolean(options?: ParameterOptions<boolean>): boolean | undefined;
function boolean(options?: DeclaredOptions): boolean | undefined {
  return declared("boolean", options);
}

function json<T = Json>(options: ParameterOptions<T> & Present<T>): T;
function json<T = Json>(options?: ParameterOptions<T>): T | undefined;
function json(options?: DeclaredOptions): unknown {
  return declared("json", options);
}

function file(options: FileOptions<"bytes", Uint8Array> & { readonly as: "bytes" } & Present<string>): Uint8Array;
function file(options: FileOptions<"bytes", Uint8Array> & { readonly as: "bytes" }): Uint8Array | undefined;
function file(options: FileOptions<"text", string> & Present<string>): string;
function file(options?: FileOptions<"text", string>): string | undefined;
function file(options?: DeclaredOptions): string | Uint8Array | undefined {
  return declared("file", options);
}

/**
 * Declares a parameter of the flow in a class field. Values come from the command line (`--rate 0.2`), from a JSON
 * file or from code, from the environment (`STEPWELL_PARAM_RATE`), or from `default`, in this order.
 */
export const parameter = { string, number, integer, boolean, json, file };
