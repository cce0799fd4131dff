import type { LogsQuery } from "../../proto/control.ts";
import type { RunId, TaskId } from "../../proto/ids.ts";
import type { LogLine } from "../../proto/view.ts";

/** The captured output of attempts, by run, task and attempt. Lines of one attempt keep their order. */
export interface LogStore {
  /** Not durable at once: flushed within a second, and by `flush`. */
  append(run: RunId, task: TaskId, attempt: number, lines: readonly LogLine[]): void;
  flush(): Promise<void>;
  /** What is there now, in the order of time over all tasks asked for; `follow` is the caller's business. */
  read(query: LogsQuery): AsyncIterable<LogLine>;
  /** All lines of the run; none are to come. */
  remove(run: RunId): Promise<void>;
  close(): Promise<void>;
}
