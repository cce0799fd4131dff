// Changes of a run that people ask for: one that is asked for again, because no answer came, is made once.

import type { Asker } from "../../proto/control.ts";
import type { RunState } from "./state.ts";

/** Of one run; who repeats a request does so within minutes. */
const changeKeysMax = 1000;

/** Whether the change has been made already, at the request that this one repeats. */
export function isRepeated(state: RunState, { key }: Asker): boolean {
  return key !== undefined && state.changeKeys.has(key);
}

export function noteChange({ changeKeys }: RunState, key: string): void {
  changeKeys.add(key);
  const [oldest] = changeKeys;
  if (changeKeys.size > changeKeysMax && oldest !== undefined) changeKeys.delete(oldest);
}

export function askerOf({ by, key }: Asker): Asker {
  return key === undefined ? { by } : { by, key };
}
