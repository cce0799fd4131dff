// docs/aws.md is true: its commands, one after the other, at servers that stand in for AWS, show what the page shows.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Project } from "../cli/project.ts";
import { CloudFormationServer } from "../cloudformation-server/server.ts";
import { useTestCredentials } from "../s3/fixture.ts";
import { blocksOf, readMarkdown } from "./markdown.ts";
import { assertShows } from "./output.ts";

test("the page's commands show what it shows", { timeout: 60_000 }, async (t) => {
  const page = readMarkdown("docs/aws.md");
  const [fingerprint = ""] = /[0-9a-f]{64}/.exec(page) ?? [];
  const [name = ""] = /[\w.-]+\.amazonaws\.com/.exec(page) ?? [];
  const attributes = { "Serving.Data": `{"fingerprint":"${fingerprint}"}`, "Balancer.DNSName": name };
  const server = await CloudFormationServer.start({ attributes, secret: () => "sw_token" });
  t.after(() => server.close());
  useTestCredentials();
  Object.assign(process.env, {
    AWS_ENDPOINT_URL_CLOUDFORMATION: server.endpoint,
    AWS_ENDPOINT_URL_STS: server.endpoint,
    AWS_ENDPOINT_URL_SECRETS_MANAGER: server.secretsEndpoint,
    AWS_REGION: "eu-west-1",
  });
  using project = new Project();
  let printed = "";
  let typed = 0;
  for (const { language, text } of blocksOf(page)) {
    if (language === "text") {
      assertShows(alike(text), alike(printed.replaceAll(project.folder, "…")), "docs/aws.md");
      continue;
    }
    printed = "";
    for (const line of text.trim().split("\n")) {
      const { exit, out, err } = await project.say(line.replace(/^npx stepwell /, ""));
      assert.equal(exit, 0, `${line}\n${err}`);
      printed += err + out;
      typed += 1;
    }
  }
  assert.ok(typed >= 6);
});

/** Without what is different each time: times of day, and what AWS calls things. */
function alike(text: string): string {
  return text
    .replaceAll(/\d\d:\d\d:\d\d/g, "TIME")
    .replaceAll(/stepwell-bucket-\w+/g, "BUCKET")
    .replaceAll(/vol-\w+|stepwell-Volume-\w+/g, "VOLUME");
}
