// CloudFormation for tests, with the identity service (STS) at the same address and secrets at another: works out change sets from
// real templates, carries them out in memory with all of their events, and fails on request.

import { setTimeout as sleep } from "node:timers/promises";
import type { CallFault, Faults } from "../aws/faults.ts";
import { Identities } from "../aws/identities.ts";
import { Refusal } from "../aws/refusal.ts";
import { Service, type Answer, type Call, type ServiceOptions } from "../aws/service.ts";
import { operations, type World } from "./operations.ts";
import { documentOf, errorOf, parseForm, textIn, type Xml } from "./query.ts";
import { account, type Change, type Stack } from "./stack.ts";

export type CloudFormationServerOptions = {
  readonly seed?: number;
  /** What each resource takes. */
  readonly resourceMs?: number;
  /** How long a change set is worked out. */
  readonly changeSetMs?: number;
  /** What resources say of themselves, as `Id.Attribute`. */
  readonly attributes?: Readonly<Record<string, string>>;
  /** What is replaced when it changes, by id. */
  readonly replacements?: Readonly<Record<string, Change["Replacement"]>>;
  /** What a secret holds, by its ARN or name. */
  readonly secret?: (id: string) => string | undefined;
};

const bodyBytesMax = 1024 * 1024;
const namespaces = {
  cloudformation: "http://cloudformation.amazonaws.com/doc/2010-05-15/",
  sts: "https://sts.amazonaws.com/doc/2011-06-15/",
};

export class CloudFormationServer implements AsyncDisposable {
  readonly #service: Service;
  readonly #secrets: Service;
  readonly #world: World;
  readonly #closing = new AbortController();
  readonly #failures = new Map<string, string>();

  private constructor(options: CloudFormationServerOptions) {
    const identities = new Identities();
    const { signal } = this.#closing;
    const { resourceMs = 0, changeSetMs = 0, attributes = {}, replacements = {} } = options;
    this.#world = {
      stacks: [],
      execution: { resourceMs, attributes, signal, failures: this.#failures },
      replacements,
      after: (action) => void sleep(changeSetMs, undefined, { signal }).then(action, () => {}),
    };
    const common = { bodyBytesMax, seed: options.seed ?? 1 };
    const find = identities.find.bind(identities);
    this.#service = new Service({
      ...common,
      signatures: { services: ["cloudformation", "sts"], dialect: "query", find, now: Date.now },
      operationOf: (_request, _target, body) => textIn(parseForm(body), "Action") ?? "",
      answer: (operation, call) => this.#answer(operation, call),
      refuse: (refusal, requestId) => xml(refusal.status, errorOf(refusal, requestId)),
    });
    this.#secrets = new Service({ ...common, ...secretsService(options.secret ?? (() => undefined), find) });
  }

  static async start(options: CloudFormationServerOptions = {}): Promise<CloudFormationServer> {
    const server = new CloudFormationServer(options);
    await server.#service.listen(0, "127.0.0.1");
    await server.#secrets.listen(0, "127.0.0.1");
    return server;
  }

  /** For `AWS_ENDPOINT_URL_CLOUDFORMATION` and `AWS_ENDPOINT_URL_STS`. */
  get endpoint(): string {
    return this.#service.url;
  }

  /** For `AWS_ENDPOINT_URL_SECRETS_MANAGER`. */
  get secretsEndpoint(): string {
    return this.#secrets.url;
  }

  get faults(): Faults<CallFault> {
    return this.#service.faults;
  }

  /** Names of the operations that were asked for, in their order. */
  get operations(): readonly string[] {
    return this.#service.operations;
  }

  /** All that there have been, in their order. */
  get stacks(): readonly Stack[] {
    return this.#world.stacks;
  }

  /** The next that is done to the resource fails. */
  failResource(id: string, reason: string): void {
    this.#failures.set(id, reason);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#service.close();
    this.#secrets.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #answer(operation: string, { body }: Call): Answer {
    const form = parseForm(body);
    if (operation === "GetCallerIdentity") return answerOf(operation, namespaces.sts, identity);
    const run = operations[operation];
    if (run === undefined) throw new Refusal(400, "InvalidAction", `Could not find operation ${operation}`);
    return answerOf(operation, namespaces.cloudformation, run(this.#world, form));
  }
}

const identity = { UserId: "AIDATEST", Account: account, Arn: `arn:aws:iam::${account}:user/test` };

function answerOf(operation: string, namespace: string, result: Xml): Answer {
  return xml(200, documentOf(operation, namespace, result));
}

function secretsService(
  secret: (id: string) => string | undefined,
  find: Identities["find"],
): Omit<ServiceOptions, "bodyBytesMax" | "seed"> {
  return {
    signatures: { services: ["secretsmanager"], dialect: "json", find, now: Date.now },
    operationOf: ({ headers }) => String(headers["x-amz-target"]).replace(/^secretsmanager\./, ""),
    answer: (operation, { body }) => {
      if (operation !== "GetSecretValue") throw new Refusal(400, "UnknownOperationException", operation);
      const { SecretId: id } = JSON.parse(body) as { readonly SecretId: string };
      const SecretString = secret(id);
      if (SecretString === undefined)
        throw new Refusal(400, "ResourceNotFoundException", "Secrets Manager can't find the specified secret.");
      return json(200, { ARN: id, Name: id, SecretString });
    },
    refuse: ({ status, code, message }) => json(status, { __type: code, message }),
  };
}

function xml(status: number, body: string): Answer {
  return { status, headers: { "content-type": "text/xml" }, body };
}

function json(status: number, body: object): Answer {
  return { status, headers: { "content-type": "application/x-amz-json-1.1" }, body: JSON.stringify(body) };
}
