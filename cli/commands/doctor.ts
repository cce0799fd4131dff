// `stepwell doctor`: looks at everything that a run needs on this machine, and says what to do about what is wrong.

import { accessSync, constants, existsSync, statfsSync } from "node:fs";
import { availableParallelism, freemem } from "node:os";
import { dirname } from "node:path";
import { exitCodes, type ExitCode } from "../cli-error.ts";
import { printDocument, printLines, wantsJson, type Context } from "../context.ts";
import { formatBytes } from "../format/count.ts";
import { tableLines } from "../format/table.ts";
import { asCliError } from "../known-errors.ts";

type Finding = {
  readonly check: string;
  readonly status: "ok" | "warning" | "failed";
  readonly found: string;
  readonly hint: string | null;
};

/** Below this a run may not be able to keep its artifacts. Bytes. */
const freeBytesLeast = 1024 ** 3;

export async function doctor(context: Context): Promise<ExitCode> {
  const findings = [
    checkNode(),
    checkUser(context),
    checkFolder(context),
    checkSpace(context),
    checkMachine(),
    await checkBundler(),
    await checkLedger(context),
  ];
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

async function checkLedger(context: Context): Promise<Finding> {
  if (!existsSync(context.settings.dir)) return { check: "ledger", status: "ok", found: "nothing has run here yet", hint: null };
  try {
    const { reading } = await import("../reading.ts");
    const page = await reading(context, ({ control }) => control.runs({ namespace: null, limit: 1 }));
    return {
      check: "ledger",
      status: "ok",
      found: page.items[0] === undefined ? "no runs" : `newest run ${page.items[0].run}`,
      hint: null,
    };
  } catch (error) {
    const known = asCliError(error);
    return { check: "ledger", status: "failed", found: known.message, hint: known.hint };
  }
}

function nearestExisting(path: string): string {
  return existsSync(path) || dirname(path) === path ? path : nearestExisting(dirname(path));
}
