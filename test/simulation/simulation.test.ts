import { test } from "node:test";
import { playSchedule, seedOf } from "./schedule.ts";

const schedules = Number(process.env["SCHEDULES"] ?? 10_000);
const seed = process.env["SEED"];
const base = process.env["BASE"] ?? "stepwell";

test("no schedule of faults breaks an invariant, and every run ends as the reference says", (t) => {
  if (seed !== undefined) {
    playSchedule(Number(seed));
    return;
  }
  let events = 0;
  let tasks = 0;
  for (let number = 0; number < schedules; number++) {
    const drawn = seedOf(base, number);
    try {
      const played = playSchedule(drawn);
      events += played.events;
      tasks += played.tasks;
    } catch (error) {
      throw new Error(`schedule ${number} failed; play it again with SEED=${drawn}`, { cause: error });
    }
  }
  t.diagnostic(`${schedules} schedules, ${events} events, ${tasks} tasks; base "${base}"`);
});
