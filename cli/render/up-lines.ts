// What `stepwell up` shows: what runs, and what to type to use it from here and from the next machine.

import { countOfThings } from "../format/count.ts";
import { tableLines } from "../format/table.ts";
import type { Served } from "../cluster/data-folder.ts";
import { reachable, reachableFromOthers } from "../cluster/reach.ts";
import type { Paint } from "../terminal.ts";

export type UpLook = {
  readonly data: string;
  /** Null where another process has started them. */
  readonly parts: { readonly nats: string; readonly workers: number; readonly slots: number } | null;
  readonly paint: Paint;
};

export function joinLines(served: Served, { data, parts, paint }: UpLook): readonly string[] {
  const facts: readonly (readonly [string, string])[] = [
    ["coordinator", served.address],
    ...(served.http === "" ? [] : [["http", served.http] as const]),
    ...(parts === null
      ? []
      : [
          ["queue", parts.nats === "" ? "within the coordinator" : parts.nats] as const,
          ["workers", `${parts.workers}, with ${countOfThings(parts.slots, "slot")} each`] as const,
        ]),
    ["data", data],
  ];
  return [
    `${paint.green("✓")} ${paint.bold("the cluster is up")}`,
    ...tableLines(
      [{ title: "" }, { title: "" }],
      facts.map(([name, text]) => [`  ${name}`, text]),
    ),
    "",
    "To use it, in another terminal:",
    ...exportLines(served, reachable(served.address)),
    "  stepwell run FILE",
    "",
    ...nextMachineLines(served),
  ];
}

function exportLines({ fingerprint, tokenFile }: Served, address: string): readonly string[] {
  return [
    `  export STEPWELL_COORDINATOR=${address}`,
    ...(fingerprint === null ? [] : [`  export STEPWELL_FINGERPRINT=${fingerprint}`]),
    ...(tokenFile === null ? [] : [`  export STEPWELL_TOKEN_FILE=${tokenFile}`]),
  ];
}

function nextMachineLines({ address, fingerprint, tokenFile }: Served): readonly string[] {
  const others = reachableFromOthers(address);
  if (others === null) return ["Only this machine can reach it; for others: stepwell up --listen 0.0.0.0:7420"];
  const trust = fingerprint === null ? "" : ` --fingerprint ${fingerprint}`;
  const token =
    tokenFile === null ? [] : ["  stepwell token create --role worker --name NAME   # here; put what it prints into STEPWELL_TOKEN there"];
  return ["To add the next machine:", ...token, `  stepwell worker --coordinator ${others}${trust}`];
}
