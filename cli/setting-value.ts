// The value of one setting, from the text or the JSON that somebody gave.

import { resolve } from "node:path";
import { CliError } from "./cli-error.ts";
import { settingKinds, type SettingName } from "./setting-table.ts";

export type Given = {
  /** A flag, a variable or a file. */
  readonly origin: string;
  readonly value: unknown;
  /** What paths are relative to. */
  readonly folder: string;
};

/** @throws CliError badConfig, badValue */
export function parseSetting(name: SettingName, { value, origin, folder }: Given): unknown {
  const kind = settingKinds[name];
  const wrong = (expected: string) =>
    new CliError(
      origin.startsWith("--") ? "badValue" : "badConfig",
      `${origin.startsWith("--") ? origin : `${name} from ${origin}`} must be ${expected}, not ${JSON.stringify(value)}`,
    );
  switch (kind.kind) {
    case "text":
      if (typeof value !== "string") throw wrong("a text");
      return value;
    case "path":
      // No file is a choice; no folder is none.
      if (value === "" && name.endsWith("File")) return value;
      if (typeof value !== "string" || value === "") throw wrong(name.endsWith("File") ? "a file" : "a folder");
      return resolve(folder, value);
    case "flag":
      if (![true, false, "true", "false", "1", "0"].some((known) => known === value)) throw wrong("true or false");
      return value === true || value === "true" || value === "1";
    case "integer": {
      const number = typeof value === "string" && /^\d+$/.test(value) ? Number(value) : value;
      if (typeof number !== "number" || !Number.isSafeInteger(number) || number < kind.least)
        throw wrong(`a whole number of at least ${kind.least}`);
      return number;
    }
    case "number": {
      const number = typeof value === "string" && /^\d+(\.\d+)?$/.test(value) ? Number(value) : value;
      if (typeof number !== "number" || !Number.isFinite(number) || number < kind.least) throw wrong(`a number of at least ${kind.least}`);
      return number;
    }
    case "memory": {
      const mebibytes = parseMemory(value);
      if (mebibytes === null) throw wrong("an amount like 500 (MiB), 512MiB or 16GiB");
      return mebibytes;
    }
    case "labels": {
      const labels = parseLabels(value);
      if (labels === null) throw wrong("labels like gpu=a100");
      return labels;
    }
    case "choice":
      if (!kind.of.some((known) => known === value)) throw wrong(`one of ${kind.of.join(", ")}`);
      return value;
    default:
      throw wrong("of a known kind");
  }
}

/** MiB; null for what is no amount. */
function parseMemory(value: unknown): number | null {
  if (typeof value === "number") return Number.isSafeInteger(value) && value > 0 ? value : null;
  const [, amount, unit = "MiB"] = (typeof value === "string" ? /^(\d+(?:\.\d+)?) ?(MiB|GiB|TiB)?$/.exec(value) : null) ?? [];
  const mebibytes = Math.floor(Number(amount) * ({ MiB: 1, GiB: 1024, TiB: 1024 * 1024 }[unit] ?? 0));
  return mebibytes > 0 ? mebibytes : null;
}

function parseLabels(value: unknown): Readonly<Record<string, string>> | null {
  const pairs =
    typeof value === "string"
      ? value
          .split(",")
          .filter((pair) => pair !== "")
          .map(pairOf)
      : entriesOf(value);
  const labels: Record<string, string> = {};
  for (const [name, text] of pairs) {
    if (name === "" || typeof text !== "string") return null;
    labels[name] = text;
  }
  return labels;
}

function pairOf(text: string): readonly [string, unknown] {
  const at = text.indexOf("=");
  return at < 1 ? ["", null] : [text.slice(0, at), text.slice(at + 1)];
}

function entriesOf(value: unknown): readonly (readonly [string, unknown])[] {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? Object.entries(value) : [["", null]];
}
