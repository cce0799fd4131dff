// Where a worker says what it does. A pino logger is one.

type LogFields = Readonly<Record<string, unknown>>;

export interface WorkerLog {
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
}
