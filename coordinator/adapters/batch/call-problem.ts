// What an error of a call to Batch means: whether anything may have happened, whether asking again can help, and what a person
// can do. Decided by the status of the answer first, since not every answer comes from Batch itself.

export type CallProblem = {
  /**
   * `throttled`, `unavailable`: nothing has happened, and later the same may succeed. `refused`: nothing has happened, and
   * nothing ever will. `ambiguous`: it may have happened.
   */
  readonly kind: "throttled" | "unavailable" | "refused" | "ambiguous";
  readonly reason: string;
};

export function callProblemOf(error: unknown): CallProblem {
  if (!(error instanceof Error)) return { kind: "ambiguous", reason: String(error) };
  const status = statusOf(error);
  return status === null ? withoutAnswer(error) : answered(status, error);
}

function statusOf(error: Error): number | null {
  const metadata: unknown = "$metadata" in error ? error.$metadata : null;
  const status: unknown =
    typeof metadata === "object" && metadata !== null && "httpStatusCode" in metadata ? metadata.httpStatusCode : null;
  return typeof status === "number" ? status : null;
}

function answered(status: number, error: Error): CallProblem {
  const { name, message } = error;
  if (status === 429 || (status === 400 && /throttl|too ?many ?requests|rate exceeded/i.test(`${name} ${message}`))) {
    return { kind: "throttled", reason: `AWS Batch throttles calls (${status} ${name})` };
  }
  // A body that cannot be read surfaces as an error of reading it, whatever the status says.
  if (status < 400 || status >= 500 || status === 408) return { kind: "ambiguous", reason: `AWS Batch answered ${status} ${name}` };
  const says = `AWS Batch answered ${status} ${name}: ${message}`;
  if (/^expired|^requestexpired/i.test(name)) {
    return { kind: "unavailable", reason: `${says}; renew the coordinator's credentials (\`aws sso login\`, or a new session)` };
  }
  return { kind: "refused", reason: `${says}; ${adviceOn(status, name, message)}` };
}

function adviceOn(status: number, name: string, message: string): string {
  if (/signature|unrecognizedclient|invalidclienttoken|missingauthentication/i.test(name)) {
    return "correct the coordinator's AWS credentials (AWS_ACCESS_KEY_ID, profile, role), and its clock";
  }
  if (/passrole/i.test(message)) return "allow the coordinator's role iam:PassRole for the roles of the job";
  if (status === 401 || status === 403) return "allow the coordinator's role this action";
  if (/queue/i.test(message)) return "name a queue that is there, is enabled, and is of the step's platform";
  if (/role/i.test(message)) return "name the role by its ARN, and let it trust ecs-tasks.amazonaws.com";
  return "change what the step's @batch, or the coordinator's settings, ask for";
}

const neverSent = /^(ECONNREFUSED|ENOTFOUND|EAI_[A-Z]+|EHOSTUNREACH|ENETUNREACH|EADDRNOTAVAIL|EMFILE)$/;
const untrusted = /^(CERT_.*|UNABLE_TO_.*|DEPTH_ZERO.*|SELF_SIGNED.*|ERR_TLS_CERT_ALTNAME_INVALID)$/;

function withoutAnswer(error: Error): CallProblem {
  const code = "code" in error ? String(error.code) : "";
  const says = error.message === "" ? code || error.name : error.message;
  if (error.name === "CredentialsProviderError") {
    const advice = "give the coordinator credentials: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE, or a role of the machine";
    return { kind: "unavailable", reason: `no AWS credentials: ${says}; ${advice}` };
  }
  if (/region is missing/i.test(says)) return { kind: "refused", reason: "no AWS region is set; set AWS_REGION for the coordinator" };
  if (untrusted.test(code)) {
    return { kind: "refused", reason: `AWS Batch is not trusted: ${says}; name its authority in NODE_EXTRA_CA_CERTS` };
  }
  if (neverSent.test(code) || /without establishing a connection/.test(says)) {
    return { kind: "unavailable", reason: `AWS Batch cannot be reached: ${says}` };
  }
  return { kind: "ambiguous", reason: `no answer of AWS Batch: ${says}` };
}
