// What errors of calls mean: decided by status, and ambiguous wherever a call may have had its effect.

import assert from "node:assert/strict";
import { test } from "node:test";
import { callProblemOf, type CallProblem } from "./call-problem.ts";

function problem(name: string, message: string, more: object = {}): CallProblem {
  return callProblemOf(Object.assign(new Error(message), { name, ...more }));
}

const answer = (httpStatusCode: number): object => ({ $metadata: { httpStatusCode } });

test("an answer is judged by its status, whatever its error is called", () => {
  const cases: readonly [status: number, name: string, kind: CallProblem["kind"]][] = [
    [429, "TooManyRequestsException", "throttled"],
    [429, "SyntaxError", "throttled"],
    [400, "ThrottlingException", "throttled"],
    [400, "ClientException", "refused"],
    [403, "AccessDeniedException", "refused"],
    [403, "ExpiredTokenException", "unavailable"],
    [408, "RequestTimeout", "ambiguous"],
    [500, "ServerException", "ambiguous"],
    [503, "SyntaxError", "ambiguous"],
    [200, "SyntaxError", "ambiguous"],
  ];
  for (const [status, name, kind] of cases) assert.equal(problem(name, "x", answer(status)).kind, kind, `${status} ${name}`);
});

test("without an answer, what was never sent is told from what may have arrived", () => {
  for (const code of ["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN"]) assert.equal(problem("Error", "x", { code }).kind, "unavailable");
  for (const code of ["ECONNRESET", "EPIPE", "ETIMEDOUT"]) assert.equal(problem("Error", "x", { code }).kind, "ambiguous");
  assert.equal(problem("TimeoutError", "Socket timed out without establishing a connection within 5000 ms").kind, "unavailable");
  assert.equal(problem("TimeoutError", "Socket idle for 20000 ms").kind, "ambiguous");
  assert.equal(callProblemOf("odd").kind, "ambiguous");
});

test("what a person can do is said with it", () => {
  const cases: readonly [CallProblem, RegExp][] = [
    [problem("InvalidSignatureException", "x", answer(403)), /correct the coordinator's AWS credentials/],
    [problem("AccessDeniedException", "not authorized to perform: iam:PassRole", answer(403)), /iam:PassRole for the roles/],
    [problem("AccessDeniedException", "not authorized", answer(403)), /allow the coordinator's role this action/],
    [problem("ClientException", "JobQueue q not found", answer(400)), /name a queue that is there/],
    [problem("ClientException", "Invalid role r", answer(400)), /name the role by its ARN/],
    [problem("ClientException", "no", answer(400)), /change what the step's @batch/],
    [problem("CredentialsProviderError", "Could not load credentials"), /give the coordinator credentials/],
    [problem("Error", "Region is missing"), /set AWS_REGION/],
    [problem("Error", "self-signed", { code: "DEPTH_ZERO_SELF_SIGNED_CERT" }), /NODE_EXTRA_CA_CERTS/],
    [problem("ExpiredTokenException", "old", answer(403)), /renew the coordinator's credentials/],
  ];
  for (const [{ reason }, advice] of cases) assert.match(reason, advice);
});
