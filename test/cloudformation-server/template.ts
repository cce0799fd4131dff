// A template: parsed, given its parameters, and resolved into resources and outputs.

import { parse, YAMLMap, type CollectionTag, type ScalarTag, type YAMLSeq } from "yaml";
import { Refusal } from "../aws/refusal.ts";
import { conditionsOf, resolve, type Json, type Lookup } from "./intrinsics.ts";

type Parameter = {
  readonly Type: string;
  readonly Default?: string | number;
  readonly AllowedValues?: readonly (string | number)[];
  readonly AllowedPattern?: string;
  readonly MinValue?: number;
  readonly MaxValue?: number;
  readonly NoEcho?: boolean;
  readonly Description?: string;
};

type Declared = {
  readonly Type: string;
  readonly Condition?: string;
  readonly DependsOn?: string | readonly string[];
  readonly DeletionPolicy?: string;
  readonly Properties?: Json;
  readonly Metadata?: Json;
};

type Output = { readonly Condition?: string; readonly Value: Json; readonly Description?: string };

export type Template = {
  readonly text: string;
  readonly Description?: string;
  readonly Parameters: Readonly<Record<string, Parameter>>;
  readonly Mappings: Readonly<Record<string, Json>>;
  readonly Conditions: Readonly<Record<string, Json>>;
  readonly Resources: Readonly<Record<string, Declared>>;
  readonly Outputs: Readonly<Record<string, Output>>;
};

export type Resource = {
  readonly id: string;
  readonly type: string;
  readonly isKept: boolean;
  /** What a change of it shows in; references are by name. */
  readonly content: string;
  /** Ids of those that must be there before. */
  readonly after: readonly string[];
};

const templateBytesMax = 51_200;

/** @throws Refusal */
export function parseTemplate(body: string): Template {
  if (Buffer.byteLength(body) > templateBytesMax) {
    throw invalid(
      `1 validation error detected: Value at 'templateBody' failed to satisfy constraint: Member must have length less than or equal to ${templateBytesMax}`,
    );
  }
  let whole: Partial<Template> | null;
  try {
    whole = parse(body, { customTags: tags, schema: "yaml-1.1", version: "1.1" }) as Partial<Template> | null;
  } catch (error) {
    throw invalid(`Template format error: YAML not well-formed. ${error instanceof Error ? error.message : String(error)}`);
  }
  if (whole === null || typeof whole !== "object") throw invalid("Template format error: unsupported structure.");
  const { Parameters = {}, Mappings = {}, Conditions = {}, Resources = {}, Outputs = {}, Description } = whole;
  if (Object.keys(Resources).length === 0) throw invalid("Template format error: At least one Resources member must be defined.");
  for (const [id, { Type }] of Object.entries(Resources)) {
    if (typeof Type !== "string")
      throw invalid(`Template format error: [/Resources/${id}] Every Resources object must contain a Type member.`);
  }
  return { text: body, Parameters, Mappings, Conditions, Resources, Outputs, ...(Description !== undefined && { Description }) };
}

/** Values of all parameters. @throws Refusal */
export function parametersOf({ Parameters }: Template, given: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  const unknown = [...given.keys()].filter((name) => Parameters[name] === undefined);
  if (unknown.length > 0) throw invalid(`Parameters: [${unknown.join(", ")}] do not exist in the template`);
  const missing = Object.entries(Parameters).filter(([name, { Default }]) => Default === undefined && !given.has(name));
  if (missing.length > 0) throw invalid(`Parameters: [${missing.map(([name]) => name).join(", ")}] must have values`);
  return new Map(
    Object.entries(Parameters).map(([name, parameter]) => {
      const value = given.get(name) ?? String(parameter.Default);
      checkParameter(name, parameter, value);
      return [name, value] as const;
    }),
  );
}

/** The resources that there will be, those that others need first. @throws Refusal */
export function resourcesOf(template: Template, parameters: ReadonlyMap<string, string>, pseudo: Lookup["pseudo"]): readonly Resource[] {
  const conditions = conditionsOf(template, lookupOf(template, parameters, pseudo));
  const isThere = (id: string): boolean => {
    const condition = template.Resources[id]?.Condition;
    return template.Resources[id] !== undefined && (condition === undefined || conditions.get(condition) === true);
  };
  const ids = Object.keys(template.Resources).filter(isThere);
  const resources = ids.map((id): Resource => {
    const { Type, Properties, Metadata, DependsOn, DeletionPolicy } = template.Resources[id] ?? { Type: "" };
    const used = new Set(typeof DependsOn === "string" ? [DependsOn] : DependsOn);
    const lookup = { ...lookupOf(template, parameters, pseudo), conditions, use: (other: string) => used.add(other) };
    const content = JSON.stringify([Type, resolve(Properties ?? {}, lookup), Metadata ?? null]);
    const absent = [...used].find((other) => template.Resources[other] === undefined);
    if (absent !== undefined)
      throw invalid(`Template format error: Unresolved resource dependencies [${absent}] in the Resources block of the template`);
    return { id, type: Type, isKept: DeletionPolicy?.startsWith("Retain") === true, content, after: [...used].filter(isThere) };
  });
  return ordered(resources);
}

/** @throws Refusal */
export function outputsOf(
  template: Template,
  lookup: Lookup,
): readonly { readonly OutputKey: string; readonly OutputValue: string; readonly Description?: string }[] {
  const conditions = conditionsOf(template, lookup);
  return Object.entries(template.Outputs)
    .filter(([, { Condition }]) => Condition === undefined || conditions.get(Condition) === true)
    .map(([OutputKey, { Value, Description }]) => {
      const value = resolve(Value, { ...lookup, conditions });
      if (typeof value !== "string")
        throw invalid(
          `Template format error: Output ${OutputKey} is malformed. The Value field of every Outputs member must evaluate to a String.`,
        );
      return { OutputKey, OutputValue: value, ...(Description !== undefined && { Description }) };
    });
}

export function lookupOf(template: Template, parameters: ReadonlyMap<string, string>, pseudo: Lookup["pseudo"]): Lookup {
  return {
    mappings: template.Mappings,
    conditions: new Map(),
    pseudo,
    parameter: (name) => {
      const declared = template.Parameters[name];
      const value = parameters.get(name);
      if (declared === undefined || value === undefined) return undefined;
      if (declared.Type.startsWith("AWS::SSM::Parameter::Value")) return `ami-${Buffer.from(value).toString("hex").slice(-17)}`;
      return /^CommaDelimitedList$|^List</.test(declared.Type) ? value.split(",").map((one) => one.trim()) : value;
    },
    isResource: (id) => template.Resources[id] !== undefined,
    physicalId: (id) => `{${id}}`,
    attribute: (id, name) => `{${id}.${name}}`,
    use: () => {},
  };
}

const nameProperties: Readonly<Record<string, string>> = {
  "AWS::IAM::Role": "RoleName",
  "AWS::IAM::User": "UserName",
  "AWS::IAM::Group": "GroupName",
  "AWS::IAM::ManagedPolicy": "ManagedPolicyName",
  "AWS::IAM::InstanceProfile": "InstanceProfileName",
};

/** What whoever makes these resources must have said to know of. */
export function capabilitiesOf({ Resources }: Template): readonly string[] {
  const identities = Object.values(Resources).filter(({ Type }) => Type.startsWith("AWS::IAM::"));
  if (identities.length === 0) return [];
  const isNamed = identities.some(({ Type, Properties }) => Object.hasOwn(Object(Properties), nameProperties[Type] ?? " "));
  return [isNamed ? "CAPABILITY_NAMED_IAM" : "CAPABILITY_IAM"];
}

function checkParameter(name: string, parameter: Parameter, value: string): void {
  const { AllowedValues, AllowedPattern, MinValue = -Infinity, MaxValue = Infinity, Type } = parameter;
  if (AllowedValues !== undefined && !AllowedValues.map(String).includes(value)) {
    throw invalid(`Parameter '${name}' must be one of AllowedValues`);
  }
  if (AllowedPattern !== undefined && !new RegExp(`^(?:${AllowedPattern})$`).test(value)) {
    throw invalid(`Parameter '${name}' must match pattern ${AllowedPattern}`);
  }
  if (Type !== "Number") return;
  if (value === "" || !Number.isFinite(Number(value))) throw invalid(`Parameter '${name}' must be a number.`);
  if (Number(value) < MinValue) throw invalid(`Parameter '${name}' must be a number not less than ${MinValue}`);
  if (Number(value) > MaxValue) throw invalid(`Parameter '${name}' must be a number not greater than ${MaxValue}`);
}

function ordered(resources: readonly Resource[]): readonly Resource[] {
  const done = new Set<string>();
  const order: Resource[] = [];
  let left = resources;
  while (left.length > 0) {
    const ready = left.filter(({ after }) => after.every((id) => done.has(id)));
    if (ready.length === 0) throw invalid(`Circular dependency between resources: [${left.map(({ id }) => id).join(", ")}]`);
    for (const resource of ready) {
      done.add(resource.id);
      order.push(resource);
    }
    left = left.filter(({ id }) => !done.has(id));
  }
  return order;
}

/** `!Ref a` is short for `{ Ref: a }`, `!Sub a` for `{ "Fn::Sub": a }`. */
const tags = [
  "Ref",
  "Condition",
  "GetAtt",
  "Sub",
  "Join",
  "Select",
  "Split",
  "If",
  "Equals",
  "And",
  "Or",
  "Not",
  "FindInMap",
  "GetAZs",
  "Base64",
  "Cidr",
].flatMap((name): (ScalarTag | CollectionTag)[] => {
  const full = name === "Ref" || name === "Condition" ? name : `Fn::${name}`;
  const tag = `!${name}`;
  const ofText = (value: string): Json => ({ [full]: name === "GetAtt" ? value.split(/\.(.*)/s).slice(0, 2) : value });
  return [
    { tag, resolve: ofText },
    { tag, collection: "seq", resolve: (seq) => wrapped(full, seq) },
    { tag, collection: "map", resolve: (map) => wrapped(full, map) },
  ];
});

function wrapped(name: string, content: YAMLMap | YAMLSeq): YAMLMap {
  const map = new YAMLMap();
  map.set(name, content);
  return map;
}

function invalid(message: string): Refusal {
  return new Refusal(400, "ValidationError", message);
}
