// What goes wrong between a person and the command line: exit codes, one table of error codes, one error class, and
// the two forms in which an error is shown.

import type { SourcePlace } from "../proto/failure.ts";
import type { Paint } from "./terminal.ts";

/** Scripts rely on them. `partial`: a bulk action of which some failed. */
export const exitCodes = {
  ok: 0,
  runFailed: 1,
  usage: 2,
  notFound: 3,
  unauthorized: 4,
  internal: 5,
  conflict: 6,
  partial: 7,
  timeout: 124,
  hangup: 129,
  interrupted: 130,
  terminated: 143,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** Every error that the command line itself finds. Those of flows have codes of their own, SW10xx to SW14xx. */
export const errorCodes = {
  unknownCommand: { code: "SW2001", exit: exitCodes.usage },
  unknownOption: { code: "SW2002", exit: exitCodes.usage },
  missing: { code: "SW2003", exit: exitCodes.usage },
  badValue: { code: "SW2004", exit: exitCodes.usage },
  unexpected: { code: "SW2005", exit: exitCodes.usage },
  badConfig: { code: "SW2006", exit: exitCodes.usage },
  badFile: { code: "SW2007", exit: exitCodes.usage },
  badParameters: { code: "SW2008", exit: exitCodes.usage },
  flowRefused: { code: "SW2009", exit: exitCodes.usage },
  notFound: { code: "SW3001", exit: exitCodes.notFound },
  unauthorized: { code: "SW4001", exit: exitCodes.unauthorized },
  internal: { code: "SW5000", exit: exitCodes.internal },
  unavailable: { code: "SW5001", exit: exitCodes.internal },
  store: { code: "SW5002", exit: exitCodes.internal },
  abandoned: { code: "SW5003", exit: exitCodes.runFailed },
  conflict: { code: "SW6001", exit: exitCodes.conflict },
  timeout: { code: "SW7001", exit: exitCodes.timeout },
} as const;

export type ErrorKind = keyof typeof errorCodes;

export type ErrorDetails = {
  readonly hint?: string | null;
  readonly location?: SourcePlace | null;
  /** Further lines between the headline and the hint. */
  readonly lines?: readonly string[];
  readonly details?: unknown;
  readonly cause?: unknown;
};

export class CliError extends Error {
  override readonly name = "CliError";
  readonly kind: ErrorKind;
  readonly hint: string | null;
  readonly location: SourcePlace | null;
  readonly lines: readonly string[];
  readonly details: unknown;

  constructor(kind: ErrorKind, message: string, more: ErrorDetails = {}) {
    super(message, { cause: more.cause });
    this.kind = kind;
    this.hint = more.hint ?? null;
    this.location = more.location ?? null;
    this.lines = more.lines ?? [];
    this.details = more.details ?? null;
  }

  get code(): string {
    return errorCodes[this.kind].code;
  }

  get exit(): ExitCode {
    return errorCodes[this.kind].exit;
  }
}

/** `error[SW2001]: headline`, then where, what and the hint. */
export function errorText(error: CliError, paint: Paint): string {
  const lines = [`${paint.red(paint.bold(`error[${error.code}]`))}${paint.bold(`: ${error.message}`)}`];
  if (error.location !== null) lines.push(`  --> ${error.location.file}:${error.location.line}:${error.location.column}`);
  for (const line of error.lines) lines.push(`  ${line}`);
  if (error.hint !== null) lines.push(`  ${paint.cyan("hint:")} ${error.hint}`);
  return `${lines.join("\n")}\n`;
}

export function errorDocument(error: CliError): unknown {
  const { code, message, hint, location, details } = error;
  return { error: { code, message, hint, location, details } };
}
