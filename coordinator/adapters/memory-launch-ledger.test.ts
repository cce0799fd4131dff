import { describeLaunchLedger } from "../ports/launch-ledger.conformance.ts";
import { MemoryLaunchLedger } from "./memory-launch-ledger.ts";

describeLaunchLedger("MemoryLaunchLedger", async () => new MemoryLaunchLedger());
