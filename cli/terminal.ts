// What the command writes to and reads from: two streams with their colours and sizes, and what kind of place this is
// (a terminal with a person before it, a pipe, a CI machine).

import picocolors from "picocolors";

export type Paint = ReturnType<typeof picocolors.createColors>;

export type ColorChoice = "auto" | "always" | "never";

export type Environment = Readonly<Record<string, string | undefined>>;

/** The part of a tty.WriteStream that is used, so that tests can give their own. */
export type Stream = {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  write(chunk: string | Uint8Array): boolean;
  once(event: "drain" | "close", listener: () => void): unknown;
};

/** The part of a tty.ReadStream that is used. */
export type Keys = {
  readonly isTTY?: boolean;
  setRawMode(raw: boolean): unknown;
  on(event: "data", listener: (typed: Uint8Array | string) => void): unknown;
  on(event: "error", listener: () => void): unknown;
  off(event: "data", listener: (typed: Uint8Array | string) => void): unknown;
  resume(): unknown;
  pause(): unknown;
};

export type Sink = {
  write(text: string): void;
  /** Resolves when the stream takes more, so that large data never piles up. */
  writeWhole(chunk: string | Uint8Array): Promise<void>;
  readonly paint: Paint;
  /** A terminal that understands cursor movements, outside CI. */
  readonly live: boolean;
  readonly isTTY: boolean;
  columns(): number;
  rows(): number;
};

export type Terminal = {
  readonly out: Sink;
  readonly err: Sink;
  /** Where keys are pressed; opened when it is asked for. Null where nobody presses any. */
  readonly keys: (() => Keys) | null;
  readonly githubActions: boolean;
};

export function openTerminal(
  streams: { readonly stdout: Stream; readonly stderr: Stream; readonly stdin?: () => Keys },
  env: Environment,
  color: ColorChoice,
): Terminal {
  return {
    out: openSink(streams.stdout, env, color),
    err: openSink(streams.stderr, env, color),
    keys: streams.stdin ?? null,
    githubActions: env["GITHUB_ACTIONS"] === "true",
  };
}

function openSink(stream: Stream, env: Environment, color: ColorChoice): Sink {
  const isTTY = stream.isTTY === true;
  return {
    write: (text) => void stream.write(text),
    writeWhole: (chunk) => writeWhole(stream, chunk),
    paint: picocolors.createColors(wantsColor(isTTY, env, color)),
    live: isTTY && env["TERM"] !== "dumb" && !isSet(env["CI"]),
    isTTY,
    columns: () => stream.columns ?? 80,
    rows: () => stream.rows ?? 24,
  };
}

function writeWhole(stream: Stream, chunk: string | Uint8Array): Promise<void> {
  if (stream.write(chunk)) return Promise.resolve();
  return new Promise((resolve) => {
    stream.once("drain", resolve);
    stream.once("close", resolve);
  });
}

/** What the person asked for on the command line wins; then NO_COLOR; then the two variables that force colours. */
function wantsColor(isTTY: boolean, env: Environment, color: ColorChoice): boolean {
  if (color !== "auto") return color === "always";
  if (isSet(env["NO_COLOR"])) return false;
  if (isSet(env["FORCE_COLOR"]) || isSet(env["CLICOLOR_FORCE"])) return true;
  return isTTY && env["TERM"] !== "dumb";
}

/** `CI=false` and `FORCE_COLOR=0` mean what they say. */
function isSet(value: string | undefined): boolean {
  return value !== undefined && value !== "" && value !== "0" && value !== "false";
}
