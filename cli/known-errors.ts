// Errors that other parts throw, as errors of the command line with a code and an exit code.

import { CliError, type ErrorKind } from "./cli-error.ts";

/** Errors of other parts tell by their name and code what they are; anything else is a defect of ours. */
export function asCliError(error: unknown): CliError {
  if (isCliError(error)) return error;
  if (!(error instanceof Error)) return new CliError("internal", String(error));
  const kind = kindOf(error);
  if (kind !== "internal") return new CliError(kind, error.message, { cause: error, hint: hintOf(error) });
  const frames = (error.stack ?? "")
    .split("\n")
    .slice(1, 8)
    .map((line) => line.trim());
  return new CliError("internal", error.message, {
    lines: frames,
    cause: error,
    hint: "this is a defect of Stepwell; please report it with these lines",
  });
}

/** By name: the commands that serve are loaded as modules, which have a class of that name of their own. */
function isCliError(error: unknown): error is CliError {
  return error instanceof Error && error.name === "CliError";
}

const controlKinds: Readonly<Record<string, ErrorKind>> = {
  notFound: "notFound",
  conflict: "conflict",
  invalid: "badValue",
  unavailable: "unavailable",
  unreachable: "unavailable",
  unauthenticated: "unauthorized",
  denied: "unauthorized",
};

function kindOf(error: Error): ErrorKind {
  const code = codeOf(error);
  if (isListening(error.cause)) return codeOf(error.cause) === "EADDRINUSE" ? "conflict" : "badValue";
  switch (error.name) {
    case "ControlError":
      return controlKinds[code] ?? "internal";
    case "NameError":
    case "AddressError":
    case "PlaceError":
      return "badValue";
    case "LedgerError":
    case "ArtifactStoreError":
      return "problem" in error && (error.problem === "missing" || error.problem === "notFound") ? "notFound" : "store";
    default:
      return ["EACCES", "ENOSPC", "EROFS", "EDQUOT"].includes(code) ? "store" : "internal";
  }
}

function codeOf(error: Error): string {
  return "code" in error ? String(error.code) : "";
}

/** The system refuses an address to listen at. */
function isListening(cause: unknown): cause is Error {
  return cause instanceof Error && "syscall" in cause && (cause.syscall === "listen" || cause.syscall === "bind");
}

function hintOf(error: Error): string | null {
  if (isListening(error.cause)) {
    return codeOf(error.cause) === "EADDRINUSE"
      ? "another process listens there: give this one an address of its own, --listen HOST:PORT or --http HOST:PORT"
      : "give it an address that this machine has, and a port that its user may have: --listen HOST:PORT or --http HOST:PORT";
  }
  return "hint" in error && typeof error.hint === "string" ? error.hint : null;
}
