// The template as CloudFormation takes it: its size, its YAML, its parameters.

import { listAt, objectAt, textAt, textsAt, type JsonObject } from "./template.ts";

/** More has to go through a bucket, and there is none before the stack. */
const templateBytesMax = 51_200;
const parametersMax = 200;

export function checkText(text: string, template: JsonObject): readonly string[] {
  const found: string[] = [];
  const bytes = Buffer.byteLength(text);
  if (bytes > templateBytesMax) found.push(`it has ${bytes} bytes, and ${templateBytesMax} at most go into a request`);
  // CloudFormation reads no aliases.
  for (const [line] of text.matchAll(/^.*(?:: |- |\[)[&*][a-z]\w*\s*$/gm)) found.push(`it has an alias: ${line.trim()}`);
  return [...found, ...aboutParameters(template), ...aboutScriptParameters(template)];
}

function aboutParameters(template: JsonObject): readonly string[] {
  const parameters = objectAt(template, "Parameters");
  const names = Object.keys(parameters);
  const groups = listAt(template, "Metadata", "AWS::CloudFormation::Interface", "ParameterGroups");
  const shown = groups.flatMap((group) => textsAt(group, "Parameters"));
  return [
    ...(names.length > parametersMax ? ["it has too many parameters"] : []),
    ...names.filter((name) => objectAt(parameters, name)["Default"] === undefined).map((name) => `${name}: has no default`),
    ...names.filter((name) => textAt(parameters, name, "Description") === "").map((name) => `${name}: nobody says what it is`),
    ...names.filter((name) => !shown.includes(name)).map((name) => `${name}: is in no group`),
    ...shown.filter((name) => !names.includes(name)).map((name) => `${name}: is in a group, and no parameter`),
    ...names.filter((name) => !isOwnDefault(objectAt(parameters, name))).map((name) => `${name}: its own default is refused`),
  ];
}

function isOwnDefault(spec: JsonObject): boolean {
  const value = textAt(spec, "Default");
  const values = textsAt(spec, "AllowedValues");
  const pattern = textAt(spec, "AllowedPattern");
  const [least, most] = [textAt(spec, "MinValue"), textAt(spec, "MaxValue")];
  if (values.length > 0 && !values.includes(value)) return false;
  if (pattern !== "" && !new RegExp(`^(?:${pattern})$`).test(value)) return false;
  return (least === "" || Number(value) >= Number(least)) && (most === "" || Number(value) <= Number(most));
}

/** What goes into the script of a machine is read by a shell, as root. */
function aboutScriptParameters(template: JsonObject): readonly string[] {
  const script = JSON.stringify(objectAt(template, "Resources", "CoordinatorTemplate", "Properties", "LaunchTemplateData", "UserData"));
  const named = new Set([...script.matchAll(/\$\{(\w+)\}|"Ref":"(\w+)"/g)].map(([, inText, ref]) => inText ?? ref ?? ""));
  return Object.entries(objectAt(template, "Parameters")).flatMap(([name, spec]) => {
    if (!named.has(name) || textAt(spec, "Type") === "Number" || listAt(spec, "AllowedValues").length > 0) return [];
    const pattern = textAt(spec, "AllowedPattern");
    const isSafe =
      pattern !== "" && ["'", '"', "`", "$", "\n", ";", " "].every((sign) => !new RegExp(`^(?:${pattern})$`).test(`a${sign}b`));
    return isSafe ? [] : [`${name}: could hold commands for the coordinator's machine`];
  });
}
