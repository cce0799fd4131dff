// `stepwell config show`: the settings in force, and where each comes from.

import { exitCodes, type ExitCode } from "../cli-error.ts";
import { printDocument, printLines, wantsJson, type Context } from "../context.ts";
import { tableLines } from "../format/table.ts";

export function configShow(context: Context): Promise<ExitCode> {
  const { settings, origins } = context;
  const withOrigin = context.options.flag("origin");
  const rows = Object.entries(settings).map(([name, value]) => ({
    name,
    value,
    origin: Object.entries(origins).find(([key]) => key === name)?.[1] ?? "default",
  }));
  if (wantsJson(context)) {
    printDocument(
      context,
      withOrigin ? Object.fromEntries(rows.map(({ name, value, origin }) => [name, { value, origin }])) : settings,
      rows,
    );
  } else {
    const columns = [{ title: "SETTING" }, { title: "VALUE" }, ...(withOrigin ? [{ title: "FROM" }] : [])];
    printLines(
      context,
      tableLines(
        columns,
        rows.map(({ name, value, origin }) => [name, shown(value), ...(withOrigin ? [origin] : [])]),
      ),
    );
  }
  return Promise.resolve(exitCodes.ok);
}

function shown(value: string | number | boolean | Readonly<Record<string, string>>): string {
  if (typeof value !== "object") return value === "" ? '""' : String(value);
  const pairs = Object.entries(value).map(([name, text]) => `${name}=${text}`);
  return pairs.length === 0 ? '""' : pairs.join(",");
}
