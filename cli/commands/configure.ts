// `stepwell configure aws`, `show`, `export` and `import`: profiles of this machine's user.

import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { configureFrom, type Configured } from "../aws/configuration.ts";
import { profilesIn, userFile, writeProfile, type Profile } from "../aws/profile.ts";
import { agree, ask, isAnybodyThere } from "../aws/prompt.ts";
import { CliError, exitCodes, type ExitCode } from "../cli-error.ts";
import { printDocument, printLines, wantsJson, type Context } from "../context.ts";
import { didYouMean } from "../format/suggestion.ts";
import { tableLines } from "../format/table.ts";
import { readJsonObject } from "../json-file.ts";
import { configuredLines, defaultStack, tellAccount, withStacks } from "./aws-deploy.ts";

export async function configureAws(context: Context): Promise<ExitCode> {
  const { options } = context;
  const isByHand = options.text("address") !== undefined || (await asksForAddress(context));
  if (isByHand) return tell(context, await typed(context));
  const name = options.text("stack") ?? (await ask(context, "Stack", { usual: defaultStack, flag: "--stack" }));
  return withStacks(context, async (stacks) => {
    await tellAccount(context);
    const stack = await stacks.find(name);
    if (stack === null) throw new CliError("notFound", `there is no stack ${name}`, { hint: "--stack and --region say which" });
    await mayReplace(context, options.text("save-as") ?? name);
    return tell(context, await configureFrom(context, stack));
  });
}

async function asksForAddress(context: Context): Promise<boolean> {
  if (context.options.text("stack") !== undefined || !isAnybodyThere(context)) return false;
  const answer = await ask(context, "Read a stack's outputs, or type an address? (stack/address)", { usual: "stack", flag: "--stack" });
  if (answer !== "stack" && answer !== "address") throw new CliError("badValue", `"${answer}" is neither stack nor address`);
  return answer === "address";
}

async function typed(context: Context): Promise<Configured> {
  const { options } = context;
  const want = async (flag: string, question: string): Promise<string> =>
    options.text(flag) ?? ask(context, question, { flag: `--${flag}` });
  const coordinator = await want("address", "Address of the coordinator (host:port)");
  const fingerprint = await want("fingerprint", "Its fingerprint (64 digits)");
  if (!/^[0-9a-f]{64}$/i.test(fingerprint)) throw new CliError("badValue", `a fingerprint has 64 hexadecimal digits, not "${fingerprint}"`);
  const token = tokenFrom(context, await want("token-file", "File with your token"));
  const name = options.text("save-as") ?? (await ask(context, "Name of the profile", { usual: defaultStack, flag: "--save-as" }));
  await mayReplace(context, name);
  return writeProfile(context.env, name, { coordinator, fingerprint, token });
}

function tokenFrom(context: Context, file: string): string {
  try {
    return readFileSync(resolve(context.cwd, file), "utf8").trim();
  } catch (error) {
    throw new CliError("badFile", `the token cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}

async function mayReplace(context: Context, name: string): Promise<void> {
  if (profilesIn(userFile(context.env))[name] === undefined) return;
  if (await agree(context, `There is a profile ${name}: replace its coordinator?`)) return;
  throw new CliError("conflict", "nothing was changed", { hint: "--save-as names another profile" });
}

function tell(context: Context, configured: Configured): ExitCode {
  if (wantsJson(context)) printDocument(context, configured);
  else printLines(context, context.quiet ? [configured.profile] : configuredLines(configured));
  return exitCodes.ok;
}

export function configureShow(context: Context): Promise<ExitCode> {
  const file = userFile(context.env);
  const profiles = profilesIn(file);
  if (wantsJson(context)) printDocument(context, { file, profiles });
  else if (context.quiet) printLines(context, Object.keys(profiles));
  else {
    const rows = Object.entries(profiles).flatMap(([name, profile]) =>
      Object.entries(profile).map(([setting, value]) => [name, setting, typeof value === "string" ? value : JSON.stringify(value)]),
    );
    printLines(
      context,
      rows.length === 0 ? [`no profiles in ${file}`] : tableLines([{ title: "PROFILE" }, { title: "SETTING" }, { title: "VALUE" }], rows),
    );
  }
  return Promise.resolve(exitCodes.ok);
}

/** What is of this machine alone is left out. */
const ofMachine = ["tokenFile", "caFile", "certFile", "keyFile", "dir", "data", "cacheDir"];

export function configureExport(context: Context): Promise<ExitCode> {
  const [name = ""] = context.operands;
  const profiles = profilesIn(userFile(context.env));
  const profile = profiles[name];
  if (profile === undefined) {
    const known = Object.keys(profiles);
    throw new CliError("notFound", `there is no profile ${name}`, {
      hint: didYouMean(name, known) ?? `profiles: ${known.join(", ") || "none"}`,
    });
  }
  const shared = Object.fromEntries(Object.entries(profile).filter(([setting]) => !ofMachine.includes(setting)));
  context.terminal.out.write(`${JSON.stringify({ profile: name, settings: shared }, null, 2)}\n`);
  return Promise.resolve(exitCodes.ok);
}

export async function configureImport(context: Context): Promise<ExitCode> {
  const path = resolve(context.cwd, context.operands[0] ?? "");
  const example = '{ "profile": "lab", "settings": { "coordinator": "host:7420" } }';
  const { profile, settings } = readJsonObject({ path, of: "a profile", kind: "badFile", example });
  const isWhole = typeof profile === "string" && typeof settings === "object" && settings !== null && !Array.isArray(settings);
  if (!isWhole) throw new CliError("badFile", `${path} holds no profile`, { hint: `like ${example}` });
  const foreign = ofMachine.filter((name) => name in settings);
  if (foreign.length > 0) throw new CliError("badFile", `${path} has settings of another machine: ${foreign.join(", ")}`);
  await mayReplace(context, profile);
  const file = context.options.text("token-file");
  const token = file === undefined ? null : tokenFrom(context, file);
  return tell(context, writeProfile(context.env, profile, { ...(settings as Profile), token }));
}
