// The parameters that change what the stack consists of: every combination, and few that have every pair.

import type { Parameters } from "./template.ts";

/** The second value turns it around. */
const choices: readonly (readonly [string, string, string])[] = [
  ["TaskQueue", "nats", "memory"],
  ["Ingress", "public", "none"],
  ["WorkerSubnets", "public", "private"],
  ["StoreAccess", "presigned", "role"],
  ["Ec2", "yes", "no"],
  ["Gpu", "no", "yes"],
  ["AlarmEmail", "", "ops@example.org"],
  ["MonthlyBudgetUsd", "0", "200"],
  ["Shell", "none", "session-manager"],
  ["StepRoles", "", "arn:aws:iam::123456789012:role/one,arn:aws:iam::123456789012:role/two"],
  ["ExistingBucket", "", "an-older-bucket"],
];

/** Those that go together: the key of a bucket, the snapshot of a ledger that names what is in it, and who hears of a budget. */
function withCompanions(given: Parameters): Parameters {
  const parameters = given["AlarmEmail"] === "" ? { ...given, MonthlyBudgetUsd: "0" } : given;
  if (parameters["ExistingBucket"] === "") return parameters;
  const ExistingKey = "arn:aws:kms:eu-west-1:123456789012:key/0a";
  return { ...parameters, ExistingKey, DataSnapshot: "snap-0a1b", DomainName: "stepwell.example.org" };
}

export const allCombinations: readonly Parameters[] = Array.from({ length: 2 ** choices.length }, (_, bits) =>
  withCompanions(Object.fromEntries(choices.map(([name, ...values], index) => [name, values[(bits >> index) & 1] ?? ""]))),
);

/** Every two choices occur together in each way that they can. */
export const pairs: readonly Parameters[] = pairwise();

function pairwise(): readonly Parameters[] {
  const missing = new Set(allCombinations.flatMap(pairsOf));
  const chosen: Parameters[] = [];
  while (missing.size > 0) {
    const gain = (one: Parameters): number => pairsOf(one).filter((pair) => missing.has(pair)).length;
    const best = allCombinations.reduce((a, b) => (gain(b) > gain(a) ? b : a));
    for (const pair of pairsOf(best)) missing.delete(pair);
    chosen.push(best);
  }
  return chosen;
}

function pairsOf(one: Parameters): readonly string[] {
  const values = choices.map(([name]) => `${name}=${one[name]}`);
  return values.flatMap((first, index) => values.slice(index + 1).map((second) => `${first} ${second}`));
}
