// The S3 test server as a program: prints its address, and takes faults as lines of JSON on its standard input. Each line is
// answered by one: what was counted so far.
//
//   {"add": RULE}   {"clear": true}   {}

import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import type { FaultRule } from "../aws/faults.ts";
import { S3Server } from "./server.ts";

const type = "string";
const { values } = parseArgs({ options: { port: { type }, host: { type }, bucket: { type }, seed: { type } } });
const server = await S3Server.start({
  port: Number(values.port ?? 0),
  host: values.host ?? "127.0.0.1",
  bucket: values.bucket ?? "test",
  seed: Number(values.seed ?? 1),
});
console.log(JSON.stringify({ url: server.url }));

for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line) as { readonly add?: FaultRule; readonly clear?: true };
  if (command.add !== undefined) server.faults.add(command.add);
  if (command.clear === true) server.faults.clear();
  const hits = Object.fromEntries(server.faults.hits);
  console.log(JSON.stringify({ requests: server.requests.length, writes: server.writes.length, hits }));
}
await server.close();
