import { describeLauncher } from "../ports/launcher.conformance.ts";
import { MemoryLauncher } from "./memory-launcher.ts";

describeLauncher("MemoryLauncher", async () => {
  const start = () => {
    const { promise: ended, resolve } = Promise.withResolvers<number>();
    return { ended, stop: () => resolve(143) };
  };
  const sizeOf = () => ({ slots: 1, cpu: 1, memoryMiB: 1000, gpu: 0, usdPerHour: 0 });
  return new MemoryLauncher({ start, sizeOf });
});
