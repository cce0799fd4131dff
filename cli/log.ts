// The structured log of coordinator and worker: one JSON object a line on stderr. The logger itself is loaded with the
// first line, because most commands have nothing to say.

import { createRequire } from "node:module";
import { hostname } from "node:os";
import type pinoModule from "pino";
import type { CoordinatorLog, LogFields } from "../coordinator/shell/log.ts";
import { packageVersion } from "./package-version.ts";

const levels = ["error", "warn", "info", "debug", "trace"] as const;
type Level = Exclude<(typeof levels)[number], "trace">;

export function openLog(level: string): CoordinatorLog {
  const most = levels.findIndex((known) => known === level);
  let logger: CoordinatorLog | null = null;
  const say =
    (at: Level) =>
    (fields: LogFields, message: string): void => {
      if (levels.indexOf(at) > most) return;
      logger ??= openPino(level);
      logger[at](fields, message);
    };
  return { debug: say("debug"), info: say("info"), warn: say("warn"), error: say("error") };
}

function openPino(level: string): CoordinatorLog {
  const require = createRequire(import.meta.url);
  const { pino }: typeof pinoModule = require("pino");
  return pino(
    {
      level,
      base: { service: "cli", version: packageVersion(), pid: process.pid, host: hostname() },
      formatters: { level: (label) => ({ level: label }) },
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      redact: { paths: ["authorization", "*.authorization", "*.token", "*.password", "*.secret"], censor: "[redacted]" },
    },
    pino.destination({ dest: 2, sync: true }),
  );
}
