// The log on stderr: for people, of commands and in a terminal, a line of words; else of those that serve one JSON object a line.
// The logger that writes those is loaded with the first, because most commands have nothing to say.

import { randomUUID } from "node:crypto";
import { createRequire } from "node:module";
import { hostname } from "node:os";
import type pinoModule from "pino";
import type { CoordinatorLog, LogFields } from "../coordinator/shell/log.ts";
import type { Context } from "./context.ts";
import { Flood } from "./log-flood.ts";
import { packageVersion } from "./package-version.ts";
import { hideEnvironment, redactFields, redactText } from "./redaction.ts";

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
  const write = writerOf(service);
  const flood = new Flood({
    nowMs: () => performance.now(),
    later: (ms, callback) => void setTimeout(callback, ms).unref(),
    tell: (of, lines) => write("warn", { event: "log.heldBack", of, lines }, "lines of one event were too many and are left out"),
  });
  hideEnvironment(process.env);
  const say =
    (at: Level) =>
    (fields: LogFields, message: string): void => {
      if (levels.indexOf(at) > most) return;
      // Who asks for everything gets it.
      if (at !== "debug" && !flood.admits(String(fields["event"]))) return;
      write(at, redactFields(fields), redactText(message));
    };
  return { debug: say("debug"), info: say("info"), warn: say("warn"), error: say("error") };
}

type Write = (level: Level, fields: LogFields, message: string) => void;

function writerOf(service: Service): Write {
  let logger: Logger | null = null;
  return (level, fields, message) => {
    if (service === "cli" || process.stderr.isTTY) return showLine(lineFor(level, fields, message));
    logger ??= openPino(service);
    logger[level](fields, message);
  };
}

let showLine = writeLine;

/** While a window is drawn on the terminal, lines must go through it. Null ends that. */
export function showLogWith(show: ((line: string) => void) | null): void {
  showLine = show ?? writeLine;
}

function writeLine(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** `warn: an attempt was lost (run_id SlowFlow/4, task_id work/0)`. */
function lineFor(level: Level, fields: LogFields, message: string): string {
  const said = Object.entries(fields).flatMap(([name, value]) => {
    if (name === "event") return [];
    if (name === "err" && typeof value === "object" && value !== null && "message" in value) return [String(value.message)];
    return typeof value === "string" || typeof value === "number" ? [`${name} ${value}`] : [];
  });
  return `${level}: ${message}${said.length === 0 ? "" : ` (${said.join(", ")})`}`;
}

type Logger = Record<Level, (fields: LogFields, message: string) => void>;

function openPino(service: Service): Logger {
  const require = createRequire(import.meta.url);
  const { pino }: typeof pinoModule = require("pino");
  return pino(
    {
      level: "trace",
      // In a container every process may have the same number.
      base: { service, version: packageVersion(), instance_id: randomUUID(), pid: process.pid, host: hostname() },
      formatters: { level: (label) => ({ level: label }) },
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
    },
    pino.destination({ dest: 2, sync: true }),
  );
}
