// Where the coordinator says what it does. A pino logger is one.

export type LogFields = Readonly<Record<string, unknown>>;

export interface CoordinatorLog {
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
}

/** An error as the field `err` of a log line. */
export function errorField(error: unknown): LogFields {
  if (!(error instanceof Error)) return { type: typeof error, message: String(error) };
  const { name, message, stack } = error;
  return { type: name, message, stack, ...("code" in error && { code: error.code }), ...("problem" in error && { code: error.problem }) };
}
