// Small parsers that are put together to the parsers of whole messages.
//
// C1. A parser answers the value it was given, checked and typed, or throws a ParseError; it copies nothing.
// C2. Fields that no parser knows are let through, so that an older reader takes what a newer writer says.
// C3. Paths are put together only when something is wrong: good values pay nothing for them.

export type Parser<T> = (value: unknown) => T;

/** A value from outside that is not what it should be: where (`event.artifacts.model.sha256`), and what was expected. */
export class ParseError extends Error {
  override readonly name = "ParseError";
  readonly path: string;
  readonly expected: string;
  constructor(path: string, expected: string) {
    super(`${path}: ${expected}`);
    this.path = path;
    this.expected = expected;
  }
}

/** The parser of a whole message; `name` begins every path. */
export function root<T>(name: string, parser: Parser<T>): Parser<T> {
  return (value) => {
    try {
      return parser(value);
    } catch (error) {
      throw within(name, error);
    }
  };
}

function expected(what: string, value: unknown): ParseError {
  return new ParseError("", `expected ${what}, got ${shown(value)}`);
}

function shown(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  if (typeof value === "string") return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
  return typeof value === "number" || typeof value === "boolean" || value === undefined ? String(value) : `a value of type ${typeof value}`;
}

function within(place: string, error: unknown): unknown {
  if (!(error instanceof ParseError)) return error;
  const joint = error.path === "" || error.path.startsWith("[") ? "" : ".";
  return new ParseError(`${place}${joint}${error.path}`, error.expected);
}

export const string: Parser<string> = (value) => {
  if (typeof value !== "string") throw expected("a string", value);
  return value;
};

export const boolean: Parser<boolean> = (value) => {
  if (typeof value !== "boolean") throw expected("true or false", value);
  return value;
};

export const number: Parser<number> = (value) => {
  if (typeof value !== "number" || !Number.isFinite(value)) throw expected("a finite number", value);
  return value;
};

/** A whole number from 0 on. */
export const count: Parser<number> = (value) => {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) throw expected("a whole number, 0 or more", value);
  return value;
};

/** A string that a brand maker accepts; its own message says what was expected. */
export function named<T extends string>(make: (text: string) => T): Parser<T> {
  return (value) => {
    const text = string(value);
    try {
      return make(text);
    } catch (error) {
      throw new ParseError("", error instanceof Error ? error.message : String(error));
    }
  };
}

export function oneOf<T extends string>(...choices: readonly T[]): Parser<T> {
  return (value) => {
    const found = choices.find((choice) => choice === value);
    if (found === undefined) throw expected(choices.map((choice) => JSON.stringify(choice)).join(" or "), value);
    return found;
  };
}

export function nullable<T>(parser: Parser<T>): Parser<T | null> {
  return (value) => (value === null ? null : parser(value));
}

export function either<A, B>(first: Parser<A>, second: Parser<B>): Parser<A | B> {
  return (value) => {
    try {
      return first(value);
    } catch {
      return second(value);
    }
  };
}

export function arrayOf<T>(parser: Parser<T>): Parser<readonly T[]> {
  return (value) => {
    if (!Array.isArray(value)) throw expected("an array", value);
    let index = 0;
    try {
      for (; index < value.length; index++) parser(value[index]);
    } catch (error) {
      throw within(`[${index}]`, error);
    }
    return value as readonly T[];
  };
}

export function recordOf<T>(parser: Parser<T>): Parser<Readonly<Record<string, T>>> {
  return (value) => {
    const fields = fieldsOf(value);
    let key = "";
    try {
      for (key of Object.keys(fields)) parser(fields[key]);
    } catch (error) {
      throw within(key, error);
    }
    return fields as Readonly<Record<string, T>>;
  };
}

/** One parser for each field of the type: a field that is added to the type breaks the build where it is parsed. */
export type Fields<T> = { readonly [K in keyof T]-?: Parser<T[K]> };

export function object<T extends object>(fields: Fields<T>): Parser<T> {
  const parsers: [string, Parser<unknown>][] = Object.entries(fields);
  return (value) => {
    const given = fieldsOf(value);
    let key = "";
    try {
      for (const [name, parser] of parsers) {
        key = name;
        parser(given[name]);
      }
    } catch (error) {
      throw within(key, error);
    }
    return value as T;
  };
}

/** A field that may be absent. */
export function optional<T>(parser: Parser<T>): Parser<T> {
  // An absent field is as good as one of type T for exactOptionalPropertyTypes: the type of the object says that it may be absent.
  return (value) => (value === undefined ? (value as T) : parser(value));
}

type Kinds<T extends { readonly kind: string }> = { readonly [K in T["kind"]]: Parser<Extract<T, { readonly kind: K }>> };

/** A closed union: a parser for each `kind`. */
export function union<T extends { readonly kind: string }>(kinds: Kinds<T>): Parser<T> {
  const parsers = new Map<unknown, Parser<T>>(Object.entries<Parser<T>>(kinds));
  return (value) => {
    const { kind } = fieldsOf(value);
    const parser = parsers.get(kind);
    if (parser === undefined) throw within("kind", expected([...parsers.keys()].map((known) => JSON.stringify(known)).join(" or "), kind));
    return parser(value);
  };
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw expected("an object", value);
  return value as Readonly<Record<string, unknown>>;
}

/** The `kind` of a union's member, once `union` has looked at it. */
export const kind: Parser<never> = (value) => value as never;
