// Turns a checked flow and a command line into what the coordinator is asked to run.

import { hostname } from "node:os";
import { relative, sep } from "node:path";
import type { Artifacts } from "../proto/artifact.ts";
import type { ResumeRequest, SubmitRequest } from "../proto/control.ts";
import { defaultRunOptions, priorityMax } from "../proto/event.ts";
import type { FlowGraph } from "../proto/graph.ts";
import type { Sha256 } from "../proto/ids.ts";
import { inlineArtifact } from "../sdk/artifact/inline.ts";
import { keepArtifacts } from "../sdk/artifact/keep.ts";
import type { ArtifactStore } from "../sdk/artifact/store.ts";
import { CliError } from "./cli-error.ts";
import type { FlowCode } from "./flow-code.ts";
import type { Context } from "./context.ts";
import type { Settings } from "./settings.ts";

export type Submission = {
  readonly graph: FlowGraph;
  readonly codePackage: Sha256;
  /** Parameter values and class constants, but for secrets. */
  readonly parameters: Artifacts;
  /** Of the secret parameters that have a value; of those without one here, the run that is resumed has it. */
  readonly secrets: readonly string[];
  readonly secretValues: Artifacts;
  /** Absolute; null where the code comes from another run and its file is not known. */
  readonly flowPath: string | null;
  readonly resume: ResumeRequest | null;
};

/** Prefix of the system tag that remembers where a run's flow was, relative to the folder that holds the runs. */
const fileTag = "file:";

/** Keeps the code and the values that a run begins with, except secrets. Of `values` only inherited secrets are left out. */
export async function keepInputs(
  store: ArtifactStore,
  { bytes, definition }: FlowCode,
  values: ReadonlyMap<string, unknown>,
): Promise<Pick<Submission, "codePackage" | "parameters" | "secrets" | "secretValues">> {
  const secrets = definition.parameters.flatMap(({ spec }) => (spec.secret && isSecret(spec.name, values) ? [spec.name] : []));
  const open = [...values].filter(([name]) => !secrets.includes(name));
  const inputs = new Map([...Object.entries(definition.constants), ...open]);
  const given = secrets.filter((name) => values.has(name)).map((name) => [name, inlineArtifact(name, values.get(name))] as const);
  const [codePackage, parameters] = await Promise.all([store.put(bytes), keepArtifacts(inputs, store)]);
  return { codePackage, parameters, secrets, secretValues: Object.fromEntries(given) };
}

/** That there is no value is no secret. */
function isSecret(name: string, values: ReadonlyMap<string, unknown>): boolean {
  return !values.has(name) || values.get(name) !== undefined;
}

/** What the person asked for beside the flow and its parameters. */
export type Asked = { readonly settings: Settings; readonly tags: readonly string[]; readonly priority?: number };

/** @throws CliError badValue */
export function askedOf({ settings, options }: Context): Asked {
  return { settings, tags: options.texts("tag"), priority: parsePriority(options.text("priority") ?? "0") };
}

function parsePriority(text: string): number {
  const value = Number(text);
  if (/^[+-]?\d+$/.test(text) && Math.abs(value) <= priorityMax) return value;
  throw new CliError("badValue", `--priority expects a whole number from -${priorityMax} to ${priorityMax}, not "${text}"`);
}

/** The coordinator refuses tags that cannot be given. */
export function submitRequest({ settings, tags: given, priority = 0 }: Asked, submission: Submission): SubmitRequest {
  const tags = [...new Set(given)];
  return {
    graph: submission.graph,
    codePackage: submission.codePackage,
    parameters: submission.parameters,
    secrets: submission.secrets,
    secretValues: submission.secretValues,
    options: {
      ...defaultRunOptions,
      failFast: settings.failFast,
      splitsMax: settings.maxSplits,
      workersMax: settings.maxWorkers,
      isolation: settings.isolation,
      ...(priority !== 0 && { priority }),
    },
    tags,
    systemTags: systemTags(settings, submission.flowPath),
    namespace: settings.namespace === "" ? `user:${settings.user}` : settings.namespace,
    user: settings.user,
    resume: submission.resume,
  };
}

function systemTags(settings: Settings, flowPath: string | null): readonly string[] {
  const { user, dir } = settings;
  return [
    `user:${user}`,
    `host:${hostname()}`,
    `node_version:${process.versions.node}`,
    settings.coordinator === "" || settings.local ? "runtime:local" : "runtime:cluster",
    ...(flowPath === null ? [] : [fileTag + relative(dir, flowPath).replaceAll(sep, "/")]),
  ];
}

/** Where the flow of a run was, relative to the folder that holds the runs; null for runs whose file is not known. */
export function rememberedFile(systemTags: readonly string[]): string | null {
  return systemTags.find((tag) => tag.startsWith(fileTag))?.slice(fileTag.length) ?? null;
}
