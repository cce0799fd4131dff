// Functions that a template may call, and what they come to.

import { Refusal } from "../aws/refusal.ts";

export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };

export type Lookup = {
  readonly mappings: Readonly<Record<string, Json>>;
  readonly conditions: ReadonlyMap<string, boolean>;
  /** Like `AWS::Region`. */
  readonly pseudo: Readonly<Record<string, string>>;
  readonly parameter: (name: string) => Json | undefined;
  readonly isResource: (id: string) => boolean;
  readonly physicalId: (id: string) => string;
  readonly attribute: (id: string, name: string) => string;
  /** Told of each resource that is referred to. */
  readonly use: (id: string) => void;
};

/** What `AWS::NoValue` leaves. */
const nothing = Symbol("no value");

type Result = Json | typeof nothing;

/** @throws Refusal */
export function resolve(value: Json, lookup: Lookup): Json {
  const result = evaluate(value, lookup);
  return result === nothing ? null : result;
}

export function conditionsOf(
  { Conditions }: { readonly Conditions: Readonly<Record<string, Json>> },
  lookup: Lookup,
): ReadonlyMap<string, boolean> {
  const known = new Map<string, boolean>();
  const find = (name: string): boolean => {
    const found = known.get(name);
    if (found !== undefined) return found;
    const condition = Conditions[name];
    if (condition === undefined) throw malformed(`Unresolved condition dependency ${name} in the Conditions block of the template`);
    const isMet = isTrue(condition, lookup, find);
    known.set(name, isMet);
    return isMet;
  };
  for (const name of Object.keys(Conditions)) find(name);
  return known;
}

function isTrue(condition: Json, lookup: Lookup, find: (name: string) => boolean): boolean {
  const [name, argument] = callIn(condition) ?? [];
  const all = isList(argument) ? argument : [];
  const isMet = (one: Json): boolean => isTrue(one, lookup, find);
  switch (name) {
    case "Condition":
      return find(textOf(argument));
    case "Fn::Equals":
      return JSON.stringify(resolve(all[0] ?? "", lookup)) === JSON.stringify(resolve(all[1] ?? "", lookup));
    case "Fn::And":
      return all.every(isMet);
    case "Fn::Or":
      return all.some(isMet);
    case "Fn::Not":
      return !isMet(all[0] ?? false);
    case undefined:
    default:
      throw malformed(`Conditions can not have ${JSON.stringify(condition)}`);
  }
}

function evaluate(value: Json, lookup: Lookup): Result {
  if (typeof value !== "object" || value === null) return value;
  if (isList(value)) return value.map((one) => evaluate(one, lookup)).filter((one) => one !== nothing);
  const call = callIn(value);
  if (call !== null) return called(call[0], call[1], lookup);
  const entries = Object.entries(value).map(([name, one]) => [name, evaluate(one, lookup)] as const);
  return Object.fromEntries(entries.filter((entry): entry is readonly [string, Json] => entry[1] !== nothing));
}

/** A name and what it is called with. */
function callIn(value: Json): readonly [string, Json] | null {
  if (typeof value !== "object" || value === null || isList(value)) return null;
  const [entry, ...others] = Object.entries(value);
  if (entry === undefined || others.length > 0) return null;
  return entry[0] === "Ref" || entry[0] === "Condition" || entry[0].startsWith("Fn::") ? entry : null;
}

function called(name: string, argument: Json, lookup: Lookup): Result {
  const list = (): readonly Json[] => (isList(argument) ? argument.map((one) => resolve(one, lookup)) : []);
  switch (name) {
    case "Ref":
      return referred(textOf(argument), lookup);
    case "Fn::GetAtt": {
      const [id, attribute] = isList(argument) ? argument.map(textOf) : textOf(argument).split(/\.(.*)/s);
      return attributeOf(id ?? "", attribute ?? "", lookup);
    }
    case "Fn::If": {
      const [condition, then = null, otherwise = null] = isList(argument) ? argument : [];
      const isMet = lookup.conditions.get(textOf(condition));
      if (isMet === undefined) throw malformed(`Unresolved condition ${textOf(condition)}`);
      return evaluate(isMet ? then : otherwise, lookup);
    }
    case "Fn::Sub":
      return substituted(argument, lookup);
    case "Fn::Join": {
      const [between, parts] = list();
      return (isList(parts) ? parts : []).map(textOf).join(textOf(between));
    }
    case "Fn::Select": {
      const [index, from] = list();
      const found = isList(from) ? from[Number(index)] : undefined;
      if (found === undefined) throw malformed(`Fn::Select cannot select nonexistent value at index ${textOf(index)}`);
      return found;
    }
    case "Fn::Split": {
      const [at, text] = list();
      return textOf(text).split(textOf(at));
    }
    case "Fn::FindInMap": {
      const path = list().map(textOf);
      const found = path.reduce<Json | undefined>((map, key) => memberOf(map, key), lookup.mappings);
      if (found === undefined) throw malformed(`Unable to get mapping for ${path.join("::")}`);
      return found;
    }
    case "Fn::GetAZs":
      return ["a", "b", "c"].map((zone) => `${lookup.pseudo["AWS::Region"]}${zone}`);
    case "Fn::Base64":
      return Buffer.from(textOf(resolve(argument, lookup))).toString("base64");
    case "Fn::Cidr": {
      const [block, count] = list();
      return Array.from({ length: Number(count) }, (_, i) => `${textOf(block)}#${i}`);
    }
    default:
      throw malformed(`${name} is not known to this server`);
  }
}

function referred(name: string, lookup: Lookup): Result {
  if (name === "AWS::NoValue") return nothing;
  const known = lookup.pseudo[name] ?? lookup.parameter(name);
  if (known !== undefined) return known;
  if (!lookup.isResource(name)) throw malformed(`Unresolved resource dependencies [${name}] in the Resources block of the template`);
  lookup.use(name);
  return lookup.physicalId(name);
}

function attributeOf(id: string, attribute: string, lookup: Lookup): string {
  if (!lookup.isResource(id)) throw malformed(`Fn::GetAtt references undefined resource ${id}`);
  lookup.use(id);
  return lookup.attribute(id, attribute);
}

function substituted(argument: Json, lookup: Lookup): string {
  const [text, own] = isList(argument) ? argument : [argument, {}];
  return textOf(text).replace(/\$\{(!?)([^}]+)\}/g, (_whole, literal: string, name: string) => {
    if (literal === "!") return `\${${name}}`;
    const given = memberOf(own, name);
    if (given !== undefined) return textOf(resolve(given, lookup));
    if (!name.includes(".")) return textOf(referred(name, lookup));
    const [id = "", attribute = ""] = name.split(/\.(.*)/s);
    return attributeOf(id, attribute, lookup);
  });
}

function memberOf(value: Json | undefined, name: string): Json | undefined {
  if (typeof value !== "object" || value === null || isList(value)) return undefined;
  return Object.hasOwn(value, name) ? value[name] : undefined;
}

/** A function that wants a text gets one. */
function textOf(value: Result | undefined): string {
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") return `${value}`;
  throw malformed("every value of the functions must be a string");
}

function isList(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}

function malformed(message: string): Refusal {
  return new Refusal(400, "ValidationError", `Template format error: ${message}`);
}
