import { describeSecretStore } from "../ports/secret-store.conformance.ts";
import { MemorySecretStore } from "./memory-secret-store.ts";

describeSecretStore("MemorySecretStore", () => new MemorySecretStore());
