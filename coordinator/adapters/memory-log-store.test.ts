import { describeLogStore } from "../ports/log-store.conformance.ts";
import { MemoryLogStore } from "./memory-log-store.ts";

describeLogStore("MemoryLogStore", async () => new MemoryLogStore());
