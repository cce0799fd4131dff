// `stepwell token create`, `token list` and `token revoke`: who may use the configured coordinator, and for what.

import { mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { roles, type CreatedToken, type Role, type TokenView } from "../../proto/token.ts";
import type { ControlClient } from "../../sdk/wire/control-client.ts";
import { CliError, exitCodes, type ExitCode } from "../cli-error.ts";
import { printDocument, printLines, printNote, wantsJson, type Context } from "../context.ts";
import { endpointOf } from "../endpoint.ts";
import { parseDuration } from "../format/duration.ts";
import { didYouMean } from "../format/suggestion.ts";
import { tableLines } from "../format/table.ts";
import { formatInstant } from "../format/time.ts";

export function createToken(context: Context): Promise<ExitCode> {
  const { options } = context;
  const request = {
    name: options.text("name") ?? "",
    role: roleOf(options.text("role")),
    namespace: options.text("namespace") ?? null,
    pool: options.text("pool") ?? null,
    ttlSeconds: ttlOf(options.text("ttl")),
    certificate: options.text("certificate") !== undefined,
  };
  return asking(context, async (control) => {
    const created = await control.createToken(request);
    const folder = options.text("certificate");
    if (folder !== undefined) keepCertificate(resolve(context.cwd, folder), created);
    if (wantsJson(context)) printDocument(context, { token: created.token, ...created.view });
    else {
      printLines(context, [created.token]);
      printNote(context, `${created.view.id} is told this once: put it into STEPWELL_TOKEN, or into a file that its owner alone can read`);
    }
    return exitCodes.ok;
  });
}

export function listTokens(context: Context): Promise<ExitCode> {
  return asking(context, async (control) => {
    const found = await control.tokens();
    if (wantsJson(context)) printDocument(context, { tokens: found }, found);
    else if (context.quiet)
      printLines(
        context,
        found.map(({ id }) => id),
      );
    else printLines(context, tokensTable(found, context));
    return exitCodes.ok;
  });
}

export function revokeToken(context: Context): Promise<ExitCode> {
  const [id = ""] = context.operands;
  return asking(context, async (control) => {
    const revoked = await control.revokeToken(id);
    if (wantsJson(context)) printDocument(context, revoked);
    else printLines(context, [context.quiet ? revoked.id : `${revoked.id}  revoked: it lets nobody in any more, and ends what was open`]);
    return exitCodes.ok;
  });
}

async function asking(context: Context, ask: (control: ControlClient) => Promise<ExitCode>): Promise<ExitCode> {
  const endpoint = endpointOf(context.settings, context.env);
  if (endpoint === null) {
    throw new CliError("missing", "this needs a coordinator, whose tokens they are: on this machine alone nobody else is let in", {
      hint: "name it with --coordinator HOST:7420 or STEPWELL_COORDINATOR",
    });
  }
  const { connectControl } = await import("../../sdk/wire/control-client.ts");
  const control = connectControl(endpoint);
  try {
    return await ask(control);
  } finally {
    control.close();
  }
}

/** @throws CliError missing, badValue */
function roleOf(text: string | undefined): Role {
  if (text === undefined) throw new CliError("missing", "a token needs a role", { hint: `--role ${roles.join("|")}` });
  const role = roles.find((known) => known === text);
  if (role === undefined)
    throw new CliError("badValue", `there is no role ${text}`, { hint: didYouMean(text, roles) ?? `roles: ${roles.join(", ")}` });
  return role;
}

/** Null: until it is revoked. @throws CliError badValue */
function ttlOf(text: string | undefined): number | null {
  if (text === undefined) return null;
  const ms = parseDuration(text);
  if (ms === null || ms < 1000) throw new CliError("badValue", `--ttl expects a time like 12h or 30d, not "${text}"`);
  return Math.floor(ms / 1000);
}

function keepCertificate(folder: string, { view, certificate }: CreatedToken): void {
  if (certificate === null) return;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const { cert, key, ca } = certificate;
  const files = { [`${view.id}.pem`]: cert, [`${view.id}-key.pem`]: key, "ca.pem": ca };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text, { mode: 0o600 });
}

function tokensTable(tokens: readonly TokenView[], { nowMs }: Context): readonly string[] {
  const stateOf = ({ revokedAtMs, expiresAtMs }: TokenView): string => {
    if (revokedAtMs !== null) return "revoked";
    return expiresAtMs !== null && expiresAtMs <= nowMs() ? "expired" : "good";
  };
  return tableLines(
    ["ID", "NAME", "ROLE", "NAMESPACE", "POOL", "CREATED", "EXPIRES", "STATE"].map((title) => ({ title })),
    tokens.map((token) => [
      token.id,
      token.name,
      token.role,
      token.namespace ?? "all",
      token.pool ?? "any",
      formatInstant(token.createdAtMs),
      token.expiresAtMs === null ? "never" : formatInstant(token.expiresAtMs),
      stateOf(token),
    ]),
  );
}
