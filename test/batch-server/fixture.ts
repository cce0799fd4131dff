// A Batch server and a client of it, for one test.

import { BatchClient, RegisterJobDefinitionCommand, SubmitJobCommand, type SubmitJobRequest } from "@aws-sdk/client-batch";
import { testCredentials } from "../aws/signature.ts";
import { account } from "./names.ts";
import { BatchServer, type BatchServerOptions } from "./server.ts";

export const role = (name: string): string => `arn:aws:iam::${account}:role/${name}`;

export const fargateContainer = {
  image: "worker:1",
  command: ["node", "--version"],
  executionRoleArn: role("execution"),
  resourceRequirements: [
    { type: "VCPU" as const, value: "0.25" },
    { type: "MEMORY" as const, value: "512" },
  ],
};

export type FixtureOptions = BatchServerOptions & { readonly image?: string };

export class BatchFixture implements AsyncDisposable {
  readonly server: BatchServer;
  readonly client: BatchClient;

  private constructor(server: BatchServer) {
    this.server = server;
    this.client = new BatchClient({ endpoint: server.endpoint, region: "eu-west-1", credentials: testCredentials, maxAttempts: 1 });
  }

  /** With the definitions `fargate` and `ec2`. */
  static async start({ image = fargateContainer.image, ...options }: FixtureOptions = {}): Promise<BatchFixture> {
    const fixture = new BatchFixture(await BatchServer.start(options));
    const { executionRoleArn: _fargateOnly, ...container } = { ...fargateContainer, image };
    await fixture.client.send(
      new RegisterJobDefinitionCommand({
        jobDefinitionName: "fargate",
        type: "container",
        platformCapabilities: ["FARGATE"],
        containerProperties: { ...fargateContainer, image },
      }),
    );
    const resourceRequirements = [
      { type: "VCPU" as const, value: "1" },
      { type: "MEMORY" as const, value: "512" },
    ];
    await fixture.client.send(
      new RegisterJobDefinitionCommand({
        jobDefinitionName: "ec2",
        type: "container",
        containerProperties: { ...container, resourceRequirements },
      }),
    );
    return fixture;
  }

  /** A program of Node, on Fargate unless the queue and the definition say otherwise. @returns the job's id */
  async submit(script: string, more: Partial<SubmitJobRequest> = {}): Promise<string> {
    const { jobId = "" } = await this.client.send(
      new SubmitJobCommand({
        jobName: "job",
        jobQueue: "fargate",
        jobDefinition: "fargate",
        ...more,
        containerOverrides: { command: ["node", "-e", script], ...more.containerOverrides },
      }),
    );
    return jobId;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.client.destroy();
    await this.server.close();
  }
}

/** For ever, unless it is ended. */
export const sleeps = "setInterval(() => {}, 1000)";
