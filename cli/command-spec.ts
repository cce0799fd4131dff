// The shape of a command's description. Parsing, help and completion are all made from it.

export type OptionSpec = {
  readonly name: string;
  readonly short?: string;
  /** Placeholder of the value; a flag has none. */
  readonly value?: string;
  readonly choices?: readonly string[];
  readonly repeatable?: true;
  /** `--no-NAME` exists as well. */
  readonly negatable?: true;
  readonly help: string;
};

/** What completion offers for an operand. */
type OperandKind = "flowFile" | "run" | "path" | "flow" | "step" | "file" | "shell" | "tag" | "worker" | "token" | "launch";

export type OperandSpec = {
  readonly name: string;
  readonly kind: OperandKind;
  readonly required?: true;
  readonly repeatable?: true;
};

export type CommandSpec = {
  /** `run`, `tag add`. */
  readonly name: string;
  readonly aliases?: readonly string[];
  readonly summary: string;
  readonly operands: readonly OperandSpec[];
  /** The flow's own parameters are options of the command too. */
  readonly takesParameters?: true;
  /** Ends a run in an orderly way when its time is over; other commands are just left. */
  readonly followsRun?: true;
  readonly options: readonly OptionSpec[];
  /** Command line and what it does. */
  readonly examples: readonly (readonly [string, string])[];
  readonly notes?: readonly string[];
  readonly hidden?: true;
};
