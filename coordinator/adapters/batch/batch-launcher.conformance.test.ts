import { after } from "node:test";
import * as sdk from "@aws-sdk/client-batch";
import { testCredentials } from "../../../test/aws/signature.ts";
import { account } from "../../../test/batch-server/names.ts";
import { BatchServer } from "../../../test/batch-server/server.ts";
import { describeLauncher } from "../../ports/launcher.conformance.ts";
import { BatchLauncher } from "./batch-launcher.ts";

const server = await BatchServer.start({ timeScale: 1000 });
after(() => server.close());

describeLauncher("BatchLauncher", async () => {
  const client = new sdk.BatchClient({ endpoint: server.endpoint, region: "eu-west-1", credentials: testCredentials, maxAttempts: 1 });
  const settings = {
    queues: { fargate: "fargate", fargateOnDemand: null, ec2: "ec2", ec2OnDemand: null, gpu: null, gpuOnDemand: null },
    image: "worker:1",
    jobRole: null,
    executionRole: `arn:aws:iam::${account}:role/pull`,
    publicIp: true,
    logGroup: null,
    command: ["node", "-e", "setInterval(() => {}, 1000)"],
  };
  return new BatchLauncher(sdk, client, { settings });
});
