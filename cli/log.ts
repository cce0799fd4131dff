// The log of coordinator and worker on stderr: a line for people in a terminal, else one JSON object a line. The logger
// that writes those is loaded with the first, because most commands have nothing to say.

import { createRequire } from "node:module";
import { hostname } from "node:os";
import type pinoModule from "pino";
import type { CoordinatorLog, LogFields } from "../coordinator/shell/log.ts";
import type { Context } from "./context.ts";
import { packageVersion } from "./package-version.ts";

const hidden: readonly string[] = ["authorization", "token", "password", "secret"];
const levels = ["error", "warn", "info", "debug", "trace"] as const;
type Service = "cli" | "coordinator" | "worker";
type Level = Exclude<(typeof levels)[number], "trace">;

/** Of a process that serves: it says more than a command, unless it was told how much. */
export function openServiceLog(
  service: "coordinator" | "worker",
  { settings, origins }: Pick<Context, "settings" | "origins">,
): CoordinatorLog {
  return openLog(origins.logLevel === "default" ? "info" : settings.logLevel, service);
}

export function openLog(level: string, service: Service = "cli"): CoordinatorLog {
  const most = levels.findIndex((known) => known === level);
  let logger: CoordinatorLog | null = null;
  const say =
    (at: Level) =>
    (fields: LogFields, message: string): void => {
      if (levels.indexOf(at) > most) return;
      if (process.stderr.isTTY) return showLine(lineFor(at, fields, message));
      logger ??= openPino(level, service);
      logger[at](fields, message);
    };
  return { debug: say("debug"), info: say("info"), warn: say("warn"), error: say("error") };
}

let showLine = writeLine;

/** While a window is drawn on the terminal, lines must go through it. Null ends that. */
export function showLogWith(show: ((line: string) => void) | null): void {
  showLine = show ?? writeLine;
}

function writeLine(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** `warn: an attempt was lost (run_id SlowFlow/4, task_id work/0)`. Secrets are never among the plain fields. */
function lineFor(level: Level, fields: LogFields, message: string): string {
  const said = Object.entries(fields).flatMap(([name, value]) => {
    if (name === "event" || hidden.includes(name)) return [];
    if (name === "err" && typeof value === "object" && value !== null && "message" in value) return [String(value.message)];
    return typeof value === "string" || typeof value === "number" ? [`${name} ${value}`] : [];
  });
  return `${level}: ${message}${said.length === 0 ? "" : ` (${said.join(", ")})`}`;
}

function openPino(level: string, service: Service): CoordinatorLog {
  const require = createRequire(import.meta.url);
  const { pino }: typeof pinoModule = require("pino");
  return pino(
    {
      level,
      base: { service, version: packageVersion(), pid: process.pid, host: hostname() },
      formatters: { level: (label) => ({ level: label }) },
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      redact: { paths: hidden.flatMap((name) => [name, `*.${name}`]), censor: "[redacted]" },
    },
    pino.destination({ dest: 2, sync: true }),
  );
}
