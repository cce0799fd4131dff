// The list of runs as SQL: filters, order and pages happen in the database.

import type { DatabaseSync, SQLInputValue } from "node:sqlite";
import type { RunsQuery } from "../../proto/control.ts";
import { parseFlowName, type FlowName } from "../../proto/ids.ts";
import { LedgerError } from "../ports/ledger.ts";

export type SummaryRow = { readonly key: number; readonly run: string; readonly summary: string | null; readonly checksum: number | null };

export type Listing = { readonly rows: readonly SummaryRow[]; readonly total: number; readonly next: string | null };

/** A run's own namespace is found like a tag, under a name that no tag has. */
export function namespaceTag(namespace: string): string {
  return `\u0001${namespace}`;
}

type Condition = { readonly sql: string; readonly values: readonly SQLInputValue[] };

/** Newest first: keys rise in the order of creation, so a page's last key is where the next one goes on. */
export function listRows(database: DatabaseSync, query: RunsQuery): Listing {
  const conditions = conditionsOf(query);
  const where = conditions.map(({ sql }) => ` AND ${sql}`).join("");
  const values = conditions.flatMap((condition) => condition.values);
  // Outer, so that a run whose line is lost shows as damage and doesn't just vanish.
  const from = "FROM runs r LEFT JOIN summaries s ON s.run_key = r.key WHERE TRUE";
  const after = query.cursor === undefined ? Number.MAX_SAFE_INTEGER : parseCursor(query.cursor);
  const rows = database
    .prepare(`SELECT r.key, r.run, s.summary, s.checksum ${from} AND r.key < ?${where} ORDER BY r.key DESC LIMIT ?`)
    .all(after, ...values, query.limit + 1) as SummaryRow[];
  const total = Number(database.prepare(`SELECT count(*) AS total ${from}${where}`).get(...values)?.["total"]);
  const page = rows.slice(0, query.limit);
  const last = page.at(-1);
  return { rows: page, total, next: rows.length > query.limit && last !== undefined ? cursorOf(last.key) : null };
}

/** In alphabetical order. A number is given to a flow's first run only, so every flow of that table has one. */
export function flowRows(database: DatabaseSync, namespace: string | null, within?: string): readonly FlowName[] {
  const tags = [...(namespace === null ? [] : [namespace]), ...(within === undefined ? [] : [namespaceTag(within)])];
  const tagged = tags.map(() => "EXISTS (SELECT 1 FROM tags t WHERE t.tag = ? AND t.run_key = s.run_key)").join(" AND ");
  const rows =
    tags.length === 0
      ? database.prepare("SELECT flow FROM flows ORDER BY flow").all()
      : database.prepare(`SELECT DISTINCT s.flow FROM summaries s WHERE ${tagged} ORDER BY s.flow`).all(...tags);
  return rows.map((row) => parseFlowName(String(row["flow"])));
}

function conditionsOf(query: RunsQuery): Condition[] {
  const conditions: Condition[] = [];
  const tagged = (tag: string): Condition => ({
    sql: "EXISTS (SELECT 1 FROM tags t WHERE t.tag = ? AND t.run_key = r.key)",
    values: [tag],
  });
  if (query.flow !== undefined) conditions.push({ sql: "s.flow = ?", values: [query.flow] });
  if (query.status !== undefined) {
    conditions.push({ sql: `s.status IN (${query.status.map(() => "?").join(", ")})`, values: query.status });
  }
  if (query.within !== undefined) conditions.push(tagged(namespaceTag(query.within)));
  if (query.user !== undefined) conditions.push({ sql: "s.user = ?", values: [query.user] });
  if (query.sinceMs !== undefined) conditions.push({ sql: "s.submitted_at_ms >= ?", values: [query.sinceMs] });
  if (query.untilMs !== undefined) conditions.push({ sql: "s.submitted_at_ms < ?", values: [query.untilMs] });
  for (const tag of query.tags ?? []) conditions.push(tagged(tag));
  if (query.namespace !== undefined && query.namespace !== null) conditions.push(tagged(query.namespace));
  return conditions;
}

function cursorOf(key: number): string {
  return Buffer.from(`r${key}`).toString("base64url");
}

/** @throws LedgerError notFound */
function parseCursor(cursor: string): number {
  const text = Buffer.from(cursor, "base64url").toString("latin1");
  if (!/^r\d{1,15}$/.test(text))
    throw new LedgerError("cursor", `"${cursor}" is not a cursor: pass the one that the page before gave, or none`);
  return Number(text.slice(1));
}
