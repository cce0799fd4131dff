// The program of a task process as its source has it: `main.ts STORE_ROOT TEMPORARY_FOLDER once|warm STORAGE`. What is built is one
// file: see scripts/bundle-task-program.ts.

import { serveTasks } from "./program.ts";

serveTasks(process.argv.slice(2), () => undefined);
