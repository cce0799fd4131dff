// `stepwell aws destroy`: ends the stack, and keeps its data unless it is told otherwise.

import { asking } from "../aws/aws-error.ts";
import { agree } from "../aws/prompt.ts";
import { isWorking, type Stacks, type StackView } from "../aws/stack.ts";
import { parameterNames, withoutKeeping } from "../aws/template.ts";
import { CliError, exitCodes, type ExitCode } from "../cli-error.ts";
import { printDocument, printLines, printNote, wantsJson, type Context } from "../context.ts";
import { defaultStack, finish, tellAccount, withStacks } from "./aws-deploy.ts";

export function destroy(context: Context): Promise<ExitCode> {
  const name = context.options.text("stack") ?? defaultStack;
  const deletesData = context.options.flag("delete-data");
  return withStacks(context, async (stacks) => {
    await tellAccount(context);
    const stack = await stacks.find(name);
    if (stack === null) throw new CliError("notFound", `there is no stack ${name}`, { hint: "--stack and --region say which" });
    if (isWorking(stack.status))
      throw new CliError("conflict", `${name} is being changed: ${stack.status}`, { hint: "try again when it is done" });
    const data = keptOf(stack);
    printNote(
      context,
      deletesData ? `${name} ends, and with it ${data.join(", ") || "its data"}` : `${name} ends; kept: ${data.join(", ") || "nothing"}`,
    );
    if (!(await agree(context, deletesData ? "End it, and delete its data for ever?" : "End it?"))) return exitCodes.interrupted;
    if (deletesData) await letGo(context, stacks, stack);
    await finish(context, { name, events: stacks.destroy(stack.id) });
    if (wantsJson(context)) printDocument(context, { stack: name, kept: deletesData ? [] : data });
    else printLines(context, [`${name} has ended`, ...(deletesData ? [] : goingOn(stack))]);
    return exitCodes.ok;
  });
}

function keptOf({ outputs }: StackView): readonly string[] {
  const { Bucket, LedgerVolume } = outputs;
  return [
    ...(Bucket === undefined ? [] : [`bucket ${Bucket} and its key`]),
    ...(LedgerVolume === undefined ? [] : [`volume ${LedgerVolume}`]),
  ];
}

function goingOn({ outputs: { Bucket, LedgerVolume } }: StackView): readonly string[] {
  if (Bucket === undefined || LedgerVolume === undefined) return [];
  return [
    "to go on with its data: make a snapshot of the volume, and then",
    `  stepwell aws deploy --set DataSnapshot=SNAPSHOT --set ExistingBucket=${Bucket} --set ExistingKey=ARN-OF-ITS-KEY`,
  ];
}

/** The template says what is kept, and so it is changed first; and a bucket goes only when it is empty. */
async function letGo(context: Context, stacks: Stacks, stack: StackView): Promise<void> {
  // One that came to nothing keeps nothing, and can only end.
  if (/^(CREATE|UPDATE|UPDATE_ROLLBACK)_COMPLETE$/.test(stack.status)) {
    const template = withoutKeeping(await stacks.templateOf(stack.id));
    const set = await stacks.propose(stack.name, stack, { template, given: new Map(), names: parameterNames(template) });
    if (set !== null) await finish(context, { name: stack.name, events: stacks.apply(set) });
  }
  const { Bucket } = stack.outputs;
  if (Bucket !== undefined) await empty(Bucket, context.options.text("region"));
}

async function empty(bucket: string, region: string | undefined): Promise<void> {
  await asking(`the bucket ${bucket} could not be emptied`, async () => {
    const { DeleteObjectsCommand, ListObjectsV2Command, S3Client } = await import("@aws-sdk/client-s3");
    const client = new S3Client(region === undefined ? {} : { region });
    try {
      for (;;) {
        const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: bucket }));
        if (Contents.length === 0) return;
        const Objects = Contents.map(({ Key = "" }) => ({ Key }));
        const { Errors = [] } = await client.send(new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects, Quiet: true } }));
        const [first] = Errors;
        if (first !== undefined) throw new Error(`${first.Key}: ${first.Message ?? first.Code}`);
      }
    } finally {
      client.destroy();
    }
  });
}
