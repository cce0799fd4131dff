// `stepwell doctor aws`: looks at everything that a run in Batch needs, and says what to do about what is wrong.

import { aboutAccount, aboutStack } from "../aws/diagnosis.ts";
import { diagnoseBatch } from "../aws/batch-diagnosis.ts";
import { diagnoseBucket } from "../aws/bucket-diagnosis.ts";
import type { ExitCode } from "../cli-error.ts";
import type { Context } from "../context.ts";
import { defaultStack } from "./aws-deploy.ts";
import { tellFindings, type Finding } from "./doctor.ts";

export async function doctorAws(context: Context): Promise<ExitCode> {
  return tellFindings(context, await findingsOf(context));
}

async function findingsOf({ options }: Context): Promise<readonly Finding[]> {
  const region = options.text("region");
  const account = await aboutAccount(region);
  if (account.status === "failed") return [account];
  const { finding, stack } = await aboutStack(options.text("stack") ?? defaultStack, region);
  if (stack === null) return [account, finding];
  const bucket = stack.outputs["Bucket"] ?? stack.parameters["ExistingBucket"] ?? "";
  return [
    account,
    finding,
    ...(bucket === "" ? [] : await diagnoseBucket(bucket, region)),
    ...(await diagnoseBatch(stack, { region, isProbing: options.choice("probe") !== false })),
  ];
}
