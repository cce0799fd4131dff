// Flows for the measurements, run by the coordinator, worker and ledger of local mode in this process. Needs a build.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { startLocal } from "../dist/cli/local-cluster.js";
import { defaultRunOptions, type RunEvent } from "../dist/proto/event.js";
import { keepArtifacts } from "../dist/sdk/artifact/keep.js";
import { checkFlow } from "../dist/sdk/graph/check-flow.js";

export type Ran = {
  readonly seconds: number;
  /** What has been recorded of the run and was to be kept. */
  readonly events: readonly RunEvent[];
  /** When each of these arrived here, once it was durable: finer than the milliseconds that it was recorded with. */
  readonly arrivedMs: readonly number[];
  readonly succeeded: number;
};

export type Runs = {
  /** Runs the flow to its end. @throws Error unless it succeeds */
  run(parameters: Readonly<Record<string, unknown>>, keep?: (event: RunEvent) => boolean): Promise<Ran>;
  close(): Promise<void>;
};

export async function openRuns(flow: string, isolation: "warm" | "process" = "warm"): Promise<Runs> {
  /** On the disk of the checkout: /tmp may be memory. */
  const folder = mkdtempSync(join(import.meta.dirname, ".runs-"));
  const file = join(folder, "flow.ts");
  writeFileSync(file, `import { FlowSpec, parameter, step, type Inputs } from "stepwell";\n${flow}`);
  const checked = await checkFlow(file);
  if (checked.graph === null) throw new Error(JSON.stringify(checked.problems));
  const { graph } = checked;
  const slots = availableParallelism();
  const cluster = await startLocal({ dir: join(folder, "runs"), slots, isolation, log: "warn" });
  const codePackage = await cluster.store.put(checked.package);
  const options = { ...defaultRunOptions, splitsMax: 1_000_000, workersMax: slots, isolation };
  const about = { secrets: [], tags: [], systemTags: [], namespace: "user:bench", user: "bench", resume: null };
  return {
    run: async (parameters, keep = () => false) => {
      const startMs = performance.now();
      const kept = await keepArtifacts(new Map(Object.entries(parameters)), cluster.store);
      const run = await cluster.control.submit({ graph, codePackage, parameters: kept, options, ...about });
      const events: RunEvent[] = [];
      const arrivedMs: number[] = [];
      for await (const { event } of cluster.control.events(run, 0)) {
        if (!keep(event)) continue;
        events.push(event);
        arrivedMs.push(performance.now());
      }
      const seconds = (performance.now() - startMs) / 1000;
      const { status, counts } = await cluster.control.run(run);
      if (status !== "succeeded") throw new Error(`${run} ${status}`);
      return { seconds, events, arrivedMs, succeeded: counts.succeeded };
    },
    close: async () => {
      await cluster.close();
      rmSync(folder, { recursive: true });
    },
  };
}
