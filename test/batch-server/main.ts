// The Batch test server as a program: prints its address, and takes commands as lines of JSON on its standard input. Each line is
// answered by one: what was counted so far. It ends, and with it all jobs, when its input does or somebody asks it to.
//
//   {"add": RULE}   {"clear": true}   {"spotKill": COUNT, "notice": NOTICE}   {"loseHosts": COUNT}
//   {"exhausted": ENVIRONMENT}   {"restocked": ENVIRONMENT}   {}

import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import type { CallFault, FaultRule } from "../aws/faults.ts";
import { BatchServer, type BatchServerOptions, type SpotNotice } from "./server.ts";

type Command = {
  readonly add?: FaultRule<CallFault>;
  readonly clear?: true;
  readonly spotKill?: number;
  readonly notice?: SpotNotice;
  readonly loseHosts?: number;
  readonly exhausted?: string;
  readonly restocked?: string;
};

const { values } = parseArgs({ options: { options: { type: "string" } } });
const server = await BatchServer.start(JSON.parse(values.options ?? "{}") as BatchServerOptions);
console.log(JSON.stringify({ endpoint: server.endpoint }));

const input = createInterface({ input: process.stdin });
for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => input.close());
for await (const line of input) {
  const hosts = perform(JSON.parse(line) as Command);
  const jobs = countsOf(server.jobs().map(({ status = "" }) => status));
  const calls = countsOf(server.operations);
  console.log(JSON.stringify({ calls, jobs, hits: Object.fromEntries(server.faults.hits), hosts }));
}
await server.close();

/** @returns the machines that were hit */
function perform(command: Command): readonly string[] {
  if (command.add !== undefined) server.faults.add(command.add);
  if (command.clear === true) server.faults.clear();
  if (command.exhausted !== undefined) server.setExhausted(command.exhausted, true);
  if (command.restocked !== undefined) server.setExhausted(command.restocked, false);
  if (command.spotKill !== undefined) return server.spotKill(command.spotKill, command.notice);
  return command.loseHosts === undefined ? [] : server.loseHosts(command.loseHosts);
}

function countsOf(names: readonly string[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}
