// Whose account it is that commands would change, and the token that a stack's coordinator keeps there.

import { asking } from "./aws-error.ts";

export type Account = { readonly id: string; readonly arn: string; readonly region: string };

export async function accountOf(region: string | undefined): Promise<Account> {
  return asking("nobody is signed in to AWS", async () => {
    const { GetCallerIdentityCommand, STSClient } = await import("@aws-sdk/client-sts");
    const client = new STSClient(region === undefined ? {} : { region });
    try {
      const { Account = "", Arn = "" } = await client.send(new GetCallerIdentityCommand({}));
      return { id: Account, arn: Arn, region: await client.config.region() };
    } finally {
      client.destroy();
    }
  });
}

export async function tokenIn(secret: string, region: string | undefined): Promise<string> {
  return asking("the coordinator's token could not be read", async () => {
    const { GetSecretValueCommand, SecretsManagerClient } = await import("@aws-sdk/client-secrets-manager");
    const client = new SecretsManagerClient(region === undefined ? {} : { region });
    try {
      const { SecretString = "" } = await client.send(new GetSecretValueCommand({ SecretId: secret }));
      return SecretString.trim();
    } finally {
      client.destroy();
    }
  });
}
