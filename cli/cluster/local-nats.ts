// A nats-server of this machine's cluster alone: on loopback, with a folder and a token of its own.

import { accessSync, constants, mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { randomBytes } from "node:crypto";
import { delimiter, join } from "node:path";
import { CliError } from "../cli-error.ts";
import type { Environment } from "../terminal.ts";

export type LocalNats = {
  readonly command: string;
  readonly args: readonly string[];
  readonly url: string;
  /** For STEPWELL_NATS_TOKEN. */
  readonly token: string;
};

/** Where systems put servers, which is not on everybody's PATH. */
const furtherFolders = ["/usr/sbin", "/usr/local/bin", "/opt/homebrew/bin"];

/** @throws CliError unavailable where there is no nats-server */
export async function prepareNats(data: string, env: Environment): Promise<LocalNats> {
  const command = findNatsServer(env);
  const folder = join(data, "nats");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const port = await freePort();
  const token = randomBytes(16).toString("hex");
  const file = join(folder, "server.conf");
  const lines = [
    `listen: "127.0.0.1:${port}"`,
    `jetstream { store_dir: ${JSON.stringify(join(folder, "store"))} }`,
    `authorization { token: "${token}" }`,
  ];
  writeFileSync(file, `${lines.join("\n")}\n`, { mode: 0o600 });
  return { command, args: ["-c", file], url: `nats://127.0.0.1:${port}`, token };
}

function findNatsServer(env: Environment): string {
  const folders = [...(env["PATH"] ?? "").split(delimiter), ...furtherFolders];
  const found = folders.map((folder) => join(folder, "nats-server")).find(isProgram);
  if (found !== undefined) return found;
  throw new CliError("unavailable", "there is no nats-server on the PATH", {
    lines: ["Debian, Ubuntu: sudo apt-get install nats-server    macOS: brew install nats-server    others: https://nats.io/download"],
    hint: "or start the cluster without it: stepwell up --no-nats",
  });
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** The system won't give it away again soon. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject).listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}
