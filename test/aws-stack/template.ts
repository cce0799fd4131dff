// A CloudFormation template as data, and what is left of it with given parameters: conditions decided, values put in.
//
// T1. A resource that is named becomes the text «Name», and an attribute of it «Name.Attribute», also within other texts.
// T2. What is named and not there with these parameters is a mistake of its own.

import { isMap, isNode, isScalar, isSeq, parseDocument } from "yaml";

export type Json = string | number | boolean | null | readonly Json[] | JsonObject;
export type JsonObject = { readonly [name: string]: Json };

export type Parameters = Readonly<Record<string, string>>;

export type Resource = {
  readonly id: string;
  readonly type: string;
  readonly properties: JsonObject;
  /** DeletionPolicy, DependsOn and the like. */
  readonly attributes: JsonObject;
};

export type Stack = {
  readonly parameters: Parameters;
  readonly resources: ReadonlyMap<string, Resource>;
  readonly outputs: JsonObject;
  /** What is named and not there. */
  readonly dangling: readonly string[];
};

const pseudo: Readonly<Record<string, string>> = {
  "AWS::AccountId": "123456789012",
  "AWS::Partition": "aws",
  "AWS::Region": "eu-west-1",
  "AWS::StackName": "stepwell",
  "AWS::URLSuffix": "amazonaws.com",
};

/** @throws Error what is no YAML */
export function parseTemplate(text: string): JsonObject {
  // Its warnings are of tags that it doesn't know: they are read here.
  const document = parseDocument(text, { version: "1.1", logLevel: "error", uniqueKeys: true });
  const [error] = document.errors;
  if (error !== undefined) throw error;
  return objectAt(jsonOf(document.contents));
}

/** `!Sub x` is short for `{ "Fn::Sub": x }`. */
function jsonOf(node: unknown): Json {
  const plain = untaggedOf(node);
  const tag = isNode(node) ? (/^!(\w+)$/.exec(node.tag ?? "")?.[1] ?? null) : null;
  if (tag === null) return plain;
  if (tag === "Ref" || tag === "Condition") return { [tag]: plain };
  return { [`Fn::${tag}`]: tag === "GetAtt" && typeof plain === "string" ? plain.split(/\.(.*)/s).slice(0, 2) : plain };
}

function untaggedOf(node: unknown): Json {
  if (isMap(node)) return Object.fromEntries(node.items.map(({ key, value }) => [isScalar(key) ? String(key.value) : "", jsonOf(value)]));
  if (isSeq(node)) return node.items.map(jsonOf);
  const value = isScalar(node) ? node.value : null;
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean" ? value : null;
}

export function objectAt(value: Json | undefined, ...path: readonly string[]): JsonObject {
  const found = valueAt(value, ...path);
  return typeof found === "object" && found !== null && !Array.isArray(found) ? (found as JsonObject) : {};
}

export function listAt(value: Json | undefined, ...path: readonly string[]): readonly Json[] {
  const found = valueAt(value, ...path);
  return Array.isArray(found) ? (found as readonly Json[]) : found === undefined || found === null ? [] : [found];
}

export function textsAt(value: Json | undefined, ...path: readonly string[]): readonly string[] {
  return listAt(value, ...path).map((one) => (typeof one === "object" ? JSON.stringify(one) : String(one)));
}

/** Empty where there is none. */
export function textAt(value: Json | undefined, ...path: readonly string[]): string {
  const found = valueAt(value, ...path);
  return found === undefined || found === null || typeof found === "object" ? "" : String(found);
}

export function valueAt(value: Json | undefined, ...path: readonly string[]): Json | undefined {
  return path.reduce<Json | undefined>(
    (at, name) => (typeof at === "object" && at !== null ? (at as Record<string, Json>)[name] : undefined),
    value,
  );
}

export function defaultsOf(template: JsonObject): Parameters {
  const given = Object.entries(objectAt(template, "Parameters")).map(([name, spec]) => [name, textAt(spec, "Default")]);
  return Object.fromEntries(given) as Parameters;
}

/** The stack that the template makes of these parameters, and of its defaults for the others. */
export function stackOf(template: JsonObject, given: Parameters = {}): Stack {
  return new Resolution(template, { ...defaultsOf(template), ...given }).stack();
}

class Resolution {
  readonly #template: JsonObject;
  readonly #parameters: Parameters;
  readonly #dangling = new Set<string>();
  /** Where the value that is looked at stands. */
  #place = "";

  constructor(template: JsonObject, parameters: Parameters) {
    this.#template = template;
    this.#parameters = parameters;
  }

  stack(): Stack {
    const resources = new Map<string, Resource>();
    for (const [id, spec] of Object.entries(objectAt(this.#template, "Resources"))) {
      if (!this.#exists(spec)) continue;
      this.#place = id;
      const { Type: type, Properties: properties = {}, Condition: _, ...attributes } = objectAt(spec);
      const resolved = this.#value(properties);
      resources.set(id, { id, type: textAt(type), properties: objectAt(resolved), attributes });
      for (const other of textsAt(attributes["DependsOn"])) this.#named(other);
    }
    this.#place = "Outputs";
    const outputs = Object.entries(objectAt(this.#template, "Outputs")).filter(([, spec]) => this.#exists(spec));
    const values = outputs.map(([name, spec]) => [name, this.#value(objectAt(spec)["Value"] ?? "") ?? ""]);
    return {
      parameters: this.#parameters,
      resources,
      outputs: Object.fromEntries(values) as JsonObject,
      dangling: [...this.#dangling],
    };
  }

  #exists(spec: Json | undefined): boolean {
    const condition = textAt(spec, "Condition");
    return condition === "" || this.#holds({ Condition: condition });
  }

  #holds(value: Json | undefined): boolean {
    const [name = "", of = null] = Object.entries(objectAt(value))[0] ?? [];
    const all = listAt(of);
    switch (name) {
      case "Condition":
        return this.#holds(objectAt(this.#template, "Conditions")[textAt(of)]);
      case "Fn::Equals":
        return textAt(this.#value(all[0] ?? "")) === textAt(this.#value(all[1] ?? ""));
      case "Fn::Not":
        return !this.#holds(all[0]);
      case "Fn::And":
        return all.every((one) => this.#holds(one));
      case "Fn::Or":
        return all.some((one) => this.#holds(one));
      default:
        throw new Error(`there is no condition ${JSON.stringify(value)}`);
    }
  }

  /** Undefined for AWS::NoValue. */
  #value(value: Json): Json | undefined {
    if (typeof value !== "object" || value === null) return value;
    if (Array.isArray(value)) {
      return (value as readonly Json[]).map((one) => this.#value(one)).filter((one) => one !== undefined);
    }
    const entries = Object.entries(value as JsonObject);
    const [first] = entries;
    if (entries.length === 1 && first !== undefined && (first[0] === "Ref" || first[0].startsWith("Fn::"))) return this.#call(...first);
    const kept = entries.map(([name, one]) => [name, this.#value(one)] as const).filter(([, one]) => one !== undefined);
    return Object.fromEntries(kept) as JsonObject;
  }

  #call(name: string, of: Json): Json | undefined {
    const all = listAt(of);
    switch (name) {
      case "Ref":
        return this.#ref(textAt(of));
      case "Fn::GetAtt":
        return this.#named(all.map(String).join("."));
      case "Fn::If":
        return this.#value((this.#holds({ Condition: all[0] ?? "" }) ? all[1] : all[2]) ?? "");
      case "Fn::Sub":
        return typeof of === "string" ? this.#text(of, {}) : this.#text(textAt(all[0]), objectAt(this.#value(all[1] ?? {})));
      case "Fn::Base64":
        return this.#value(of);
      case "Fn::Join":
        return textsAt(this.#value(all[1] ?? [])).join(textAt(all[0]));
      default:
        // What only AWS can work out stays as it is.
        return { [name]: this.#value(of) ?? null };
    }
  }

  #text(text: string, own: JsonObject): string {
    return text.replaceAll(/\$\{([^}]+)\}/g, (_, name: string) =>
      name.startsWith("!") ? `\${${name.slice(1)}}` : textAt(own[name] ?? (name.includes(".") ? this.#named(name) : this.#ref(name))),
    );
  }

  #ref(name: string): Json | undefined {
    if (name === "AWS::NoValue") return undefined;
    const { Type: type } = objectAt(this.#template, "Parameters", name);
    const value = this.#parameters[name] ?? pseudo[name];
    if (value === undefined) return this.#named(name);
    return type === "CommaDelimitedList" ? value.split(",") : value;
  }

  /** T1, T2 */
  #named(name: string): string {
    const [id = ""] = name.split(".");
    const spec = objectAt(this.#template, "Resources")[id];
    if (spec === undefined || !this.#exists(spec)) this.#dangling.add(`${this.#place} names ${name}, which is not there`);
    return `«${name}»`;
  }
}

export function resourcesOf(stack: Stack, ...types: readonly string[]): readonly Resource[] {
  return [...stack.resources.values()].filter(({ type }) => types.includes(type));
}
