// Which module runs which command. Nothing of a command is loaded before it is asked for.

import type { Command } from "./context.ts";

type Loader = () => Promise<Command>;

const loaders: Readonly<Record<string, Loader>> = {
  run: async () => (await import("./commands/run.ts")).run,
  resume: async () => (await import("./commands/resume.ts")).resume,
  retry: async () => (await import("./commands/retry.ts")).retry,
  check: async () => (await import("./commands/check.ts")).check,
  show: async () => (await import("./commands/show.ts")).show,
  runs: async () => (await import("./commands/runs.ts")).runs,
  status: async () => (await import("./commands/status.ts")).status,
  logs: async () => (await import("./commands/logs.ts")).logs,
  artifacts: async () => (await import("./commands/artifacts.ts")).artifacts,
  get: async () => (await import("./commands/get.ts")).get,
  card: async () => (await import("./commands/card.ts")).card,
  compare: async () => (await import("./commands/compare.ts")).compare,
  cancel: async () => (await import("./commands/cancel.ts")).cancel,
  "tag add": async () => (await import("./commands/tag.ts")).tag,
  "tag rm": async () => (await import("./commands/tag.ts")).tag,
  "tag list": async () => (await import("./commands/tag.ts")).tag,
  gc: async () => (await import("./commands/gc.ts")).gc,
  coordinator: async () => (await import("./commands/coordinator.ts")).coordinator,
  worker: async () => (await import("./commands/worker.ts")).worker,
  watch: async () => (await import("./commands/watch.ts")).watch,
  workers: async () => (await import("./commands/workers.ts")).workers,
  "worker drain": async () => (await import("./commands/workers.ts")).drainWorker,
  "worker inspect": async () => (await import("./commands/workers.ts")).inspectWorker,
  "batch list": async () => (await import("./commands/batch.ts")).listBatch,
  "batch kill": async () => (await import("./commands/batch.ts")).killBatch,
  "token create": async () => (await import("./commands/token.ts")).createToken,
  "token list": async () => (await import("./commands/token.ts")).listTokens,
  "token revoke": async () => (await import("./commands/token.ts")).revokeToken,
  up: async () => (await import("./commands/up.ts")).up,
  down: async () => (await import("./commands/down.ts")).down,
  "aws deploy": async () => (await import("./commands/aws-deploy.ts")).deploy,
  "aws upgrade": async () => (await import("./commands/aws-deploy.ts")).upgrade,
  "aws status": async () => (await import("./commands/aws-status.ts")).awsStatus,
  "aws destroy": async () => (await import("./commands/aws-destroy.ts")).destroy,
  "doctor aws": async () => (await import("./commands/doctor-aws.ts")).doctorAws,
  "configure aws": async () => (await import("./commands/configure.ts")).configureAws,
  "configure show": async () => (await import("./commands/configure.ts")).configureShow,
  "configure export": async () => (await import("./commands/configure.ts")).configureExport,
  "configure import": async () => (await import("./commands/configure.ts")).configureImport,
  init: async () => (await import("./commands/init.ts")).init,
  doctor: async () => (await import("./commands/doctor.ts")).doctor,
  "config show": async () => (await import("./commands/config-show.ts")).configShow,
  completion: async () => (await import("./commands/completion.ts")).completion,
  __complete: async () => (await import("./commands/complete.ts")).complete,
};

export function loadCommand(name: string): Promise<Command> {
  const load = loaders[name];
  if (load === undefined) throw new Error(`command ${name} has no module`);
  return load();
}
