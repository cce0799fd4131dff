// `stepwell doctor`: looks at everything that a run needs on this machine, and says what to do about what is wrong.

import { randomBytes } from "node:crypto";
import { accessSync, constants, existsSync, mkdtempSync, rmSync, statfsSync } from "node:fs";
import { createServer } from "node:net";
import { availableParallelism, freemem, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { exitCodes, type ExitCode } from "../cli-error.ts";
import { printDocument, printLines, wantsJson, type Context } from "../context.ts";
import { formatBytes } from "../format/count.ts";
import { formatDuration } from "../format/duration.ts";
import { tableLines } from "../format/table.ts";
import { asCliError } from "../known-errors.ts";

export type Finding = {
  readonly check: string;
  readonly status: "ok" | "warning" | "failed";
  readonly found: string;
  readonly hint: string | null;
};

/** Below this a run may not be able to keep its artifacts. Bytes. */
const freeBytesLeast = 1024 ** 3;
/** What is written and read again. Bytes. */
const roundTripBytes = 1024 ** 2;

export async function doctor(context: Context): Promise<ExitCode> {
  const findings = [
    checkNode(),
    checkUser(context),
    checkFolder(context),
    checkSpace(context),
    checkMachine(),
    await checkSocket(),
    await checkBundler(),
    await checkStore(context),
    await checkLedger(context),
    ...(await checkCluster(context)),
  ];
  return tellFindings(context, findings);
}

export function tellFindings(context: Context, findings: readonly Finding[]): ExitCode {
  const failed = findings.some((finding) => finding.status === "failed");
  if (wantsJson(context)) {
    printDocument(context, { ok: !failed, checks: findings }, findings);
  } else {
    const { paint } = context.terminal.out;
    const colors = { ok: paint.green, warning: paint.yellow, failed: paint.red };
    const rows = findings.map((finding) => [colors[finding.status](finding.status), finding.check, finding.found]);
    const lines = tableLines([{ title: "" }, { title: "" }, { title: "" }], rows);
    printLines(
      context,
      findings.flatMap((finding, index) => [lines[index] ?? "", ...(finding.hint === null ? [] : [`         hint: ${finding.hint}`])]),
    );
  }
  return failed ? exitCodes.internal : exitCodes.ok;
}

function checkNode(): Finding {
  return { check: "node", status: "ok", found: `${process.versions.node} at ${process.execPath}`, hint: null };
}

function checkUser({ settings, origins }: Context): Finding {
  return {
    check: "user",
    status: "ok",
    found: `${settings.user} (${origins.user}), namespace ${settings.namespace === "" ? "all" : settings.namespace}`,
    hint: null,
  };
}

function checkFolder({ settings }: Context): Finding {
  const folder = nearestExisting(settings.dir);
  try {
    accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK);
    return {
      check: "folder",
      status: "ok",
      found: existsSync(settings.dir) ? settings.dir : `${settings.dir} (will be made by the first run)`,
      hint: null,
    };
  } catch {
    return {
      check: "folder",
      status: "failed",
      found: `${folder} is not writable`,
      hint: "run elsewhere, or set STEPWELL_DIR to a folder of your own",
    };
  }
}

function checkSpace({ settings }: Context): Finding {
  const { bavail, bsize } = statfsSync(nearestExisting(settings.dir));
  const free = bavail * bsize;
  const enough = free >= freeBytesLeast;
  return {
    check: "disk",
    status: enough ? "ok" : "warning",
    found: `${formatBytes(free)} free`,
    hint: enough ? null : "artifacts need room: free some, or set STEPWELL_DIR to another disk",
  };
}

function checkMachine(): Finding {
  return { check: "machine", status: "ok", found: `${availableParallelism()} cores, ${formatBytes(freemem())} memory free`, hint: null };
}

/** Coordinator and worker talk over one, and its path must be short on every system. */
async function checkSocket(): Promise<Finding> {
  const server = createServer();
  let folder: string | null = null;
  try {
    const path = join((folder = mkdtempSync(join(tmpdir(), "stepwell-the-doctor-"))), "socket");
    await new Promise<void>((resolve, reject) => server.once("error", reject).listen(path, resolve));
    return { check: "socket", status: "ok", found: `in ${tmpdir()}`, hint: null };
  } catch (error) {
    return {
      check: "socket",
      status: "failed",
      found: `cannot be made in ${tmpdir()}: ${error instanceof Error ? error.message : String(error)}`,
      hint: "set TMPDIR to a folder of your own with a path of at most 60 characters",
    };
  } finally {
    server.close();
    if (folder !== null) rmSync(folder, { recursive: true, force: true });
  }
}

async function checkBundler(): Promise<Finding> {
  try {
    const { version, transform } = await import("esbuild");
    await transform("class A { @a b() {} }", { loader: "ts", target: "node22" });
    return { check: "bundler", status: "ok", found: `esbuild ${version}`, hint: null };
  } catch (error) {
    return {
      check: "bundler",
      status: "failed",
      found: asCliError(error).message,
      hint: "install stepwell again on this machine: its esbuild is for another one",
    };
  }
}

/** Loads what only a cluster needs. */
async function checkCluster(context: Context): Promise<readonly Finding[]> {
  const { coordinator, nats, store } = context.settings;
  if (coordinator === "" && nats === "" && store === "") return [];
  const { diagnoseCluster } = await import("../cluster/diagnosis.ts");
  return diagnoseCluster(context);
}

/** Bytes that are written must be the bytes that are read. */
async function checkStore({ settings }: Context): Promise<Finding> {
  const { FileArtifactStore } = await import("../../sdk/artifact/file-store.ts");
  let folder: string | null = null;
  try {
    folder = mkdtempSync(join(nearestExisting(settings.dir), ".stepwell-doctor-"));
    const store = new FileArtifactStore(folder);
    const bytes = randomBytes(roundTripBytes);
    const startMs = performance.now();
    const same = bytes.equals(await store.get(await store.put(bytes)));
    if (!same) throw new Error("other bytes came back than were written");
    const found = `${formatBytes(bytes.length)} written and read in ${formatDuration(performance.now() - startMs)}`;
    return { check: "store", status: "ok", found, hint: null };
  } catch (error) {
    const hint = "see whether the disk is full, read-only or failing; STEPWELL_DIR names another place";
    return { check: "store", status: "failed", found: error instanceof Error ? error.message : String(error), hint };
  } finally {
    if (folder !== null) rmSync(folder, { recursive: true, force: true });
  }
}

async function checkLedger(context: Context): Promise<Finding> {
  if (!existsSync(join(context.settings.dir, "ledger.db")))
    return { check: "ledger", status: "ok", found: "nothing has run here yet", hint: null };
  try {
    const [{ reading }, { ledgerFile }] = await Promise.all([import("../reading.ts"), import("../local-cluster.ts")]);
    const page = await reading({ ...context, settings: { ...context.settings, local: true } }, ({ control }) =>
      control.runs({ namespace: null, limit: 1 }),
    );
    const damage = await damageOf(ledgerFile(context.settings.dir));
    const newest = page.items[0];
    if (damage === null)
      return {
        check: "ledger",
        status: "ok",
        found: newest === undefined ? "whole; no runs" : `whole; newest run ${newest.run}`,
        hint: null,
      };
    return {
      check: "ledger",
      status: "failed",
      found: damage,
      hint: "move the folder away and start anew, or put a copy of it back; `sqlite3 ledger.db .recover` may save more",
    };
  } catch (error) {
    const known = asCliError(error);
    return { check: "ledger", status: "failed", found: known.message, hint: known.hint };
  }
}

/** What SQLite finds wrong with the file; null where it is whole. */
async function damageOf(file: string): Promise<string | null> {
  const { DatabaseSync } = await import("node:sqlite");
  const database = new DatabaseSync(file, { readOnly: true });
  try {
    const found = database.prepare("PRAGMA quick_check(1)").get()?.["quick_check"];
    return found === "ok" ? null : String(found);
  } finally {
    database.close();
  }
}

function nearestExisting(path: string): string {
  return existsSync(path) || dirname(path) === path ? path : nearestExisting(dirname(path));
}
