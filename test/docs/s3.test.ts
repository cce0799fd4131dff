// docs/s3.md is true: its addresses are understood, its keys are those of the store, its policy allows what the store does.

import assert from "node:assert/strict";
import { test } from "node:test";
import { parseSha256 } from "../../proto/ids.ts";
import { keyOf, parseS3Place } from "../../sdk/artifact/s3/place.ts";
import { writePieceList } from "../../sdk/artifact/s3/piece-list.ts";
import { TestStores } from "../s3/fixture.ts";
import { blocksOf, readMarkdown } from "./markdown.ts";

const page = readMarkdown("docs/s3.md");
const blocks = blocksOf(page);

test("every address of the page is one", () => {
  const places = [...page.matchAll(/^\| `(s3:[^`]*)` \|/gm)].map(([, address = ""]) => parseS3Place(address));
  assert.deepEqual(
    places.map(({ prefix, region, endpoint, pathStyle }) => [prefix, region, endpoint, pathStyle]),
    [
      ["", null, null, false],
      ["team/stepwell", null, null, false],
      ["", "eu-west-1", null, false],
      ["", null, "https://storage.example.org", true],
      ["", null, "https://storage.example.org", false],
    ],
  );
});

test("the keys and the list look as the page shows them", () => {
  const [keys, list] = blocks.filter(({ language }) => language === "text");
  const place = parseS3Place("s3://my-bucket/team/stepwell");
  const sha256 = parseSha256("ab".padEnd(64, "c"));
  const shown = keys?.text.split("\n").map((line) => line.split(/\s/)[0]?.replace(/[0-9a-f]{2}\/[0-9a-f]{4}…/, "NAME"));
  const made = (["bytes", "list"] as const).map((part) => keyOf(place, { sha256, part }).replace(`ab/${sha256}`, "NAME"));
  assert.deepEqual(shown?.slice(0, 2), made);
  const lines = writePieceList({ sha256, size: 20_000_000, pieceBytes: 16 * 1024 * 1024, pieces: [sha256, sha256] }).toString();
  const pattern = list?.text
    .trim()
    .replaceAll(/SHA-256( of.*)?/g, "[0-9a-f]{64}")
    .replace("SIZE", "[0-9]+");
  assert.match(lines.trim(), new RegExp(`^${pattern}$`));
});

test("the policy allows the requests that the store makes, and no others", async () => {
  const policy = blocks.find(({ language }) => language === "json");
  const { Statement } = JSON.parse(policy?.text ?? "") as {
    readonly Statement: readonly { readonly Action: string | readonly string[] }[];
  };
  await using stores = await TestStores.open({ pieceBytes: 300_000 });
  const sha256 = await stores.store.put(Buffer.alloc(700_000));
  await stores.store.get(sha256);
  for await (const blob of stores.store.list()) await stores.store.delete([blob.sha256]);
  const action = (line: string): string => {
    const [method = "", target = ""] = line.split(" ");
    if (target.includes("delete")) return "s3:DeleteObject";
    if (target.includes("list-type")) return "s3:ListBucket";
    return method === "PUT" ? "s3:PutObject" : "s3:GetObject";
  };
  assert.deepEqual(new Set(Statement.flatMap(({ Action }) => Action)), new Set(stores.server.requests.map(action)));
});
