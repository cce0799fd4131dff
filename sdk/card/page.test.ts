import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import * as fc from "fast-check";
import type { CardComponent } from "./component.ts";
import { card } from "./construct.ts";
import { cardPage } from "./page.ts";

const golden: readonly CardComponent[] = [
  card.markdown(
    "# Fit *of* the tree\n\nSee [the report](https://example.org/?a=1&b=2), `a < b` and ~~this~~ **that**.\n\n- one\n- [x] two\n\n2. three\n\n> said\n\n```ts\nlet a = 1;\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n---\n![a curve](https://example.org/curve.png)",
  ),
  card.metric({ label: "accuracy", value: 0.9666666, change: 0.01 }),
  card.metric({ label: "depth", value: "3", change: "as before" }),
  card.table({
    headers: ["name", "count", "good"],
    rows: [
      ["a & b", 1, true],
      [null, 2.5, false],
    ],
  }),
  card.chart({ shape: "bar", title: "folds", labels: ["one", "a label that is too long to be shown"], values: [3, -1] }),
  card.chart({ shape: "line", labels: [1, 2, 3], values: [0.1, 0.4, 0.2] }),
  card.image({ svg: "<svg xmlns='http://www.w3.org/2000/svg'/>", alt: 'nothing, "really"' }),
  card.code("if (a < b) c();", "ts"),
  card.json({ depth: 3, names: ["x"] }),
  card.progress({ label: "epochs", done: 40, total: 100 }),
];

test("every component has its place on the page", (context) => {
  const page = cardPage("TrainFlow/17/train/2", golden);
  context.assert.fileSnapshot(page.replace(/<style>[^<]*<\/style>/, "<style></style>"), join(import.meta.dirname, "page.golden.txt"), {
    serializers: [String],
  });
});

const tag = /<\/?([a-z][a-z\d]*)((?:\s[^<>]*)?)>/gi;
const attribute = /\s+([^\s=<>"'/]+)(?:="([^"]*)")?/g;
const tags = new Set(
  "html head meta title style body header h1 h2 h3 h4 h5 h6 main section p a em strong del code pre ul ol li hr br blockquote div span table thead tbody tr th td figure figcaption img progress svg line rect polyline circle text".split(
    " ",
  ),
);
const attributes = new Set(
  "lang charset http-equiv content name class href rel src alt start value max role aria-label viewbox data-language x y x1 y1 x2 y2 cx cy r width height points".split(
    " ",
  ),
);

/** Reads the page as a parser would: fails at a tag, an attribute or an address that a card may not cause. */
function assertInert(page: string): void {
  const body = page.replace(/^<!doctype html>\n/, "").replace(/<style>[^<]*<\/style>/, "");
  const rest = body.replaceAll(tag, (_, name: string, given: string) => {
    assert.ok(tags.has(name.toLowerCase()), `a <${name}> got through`);
    const left = given.replaceAll(attribute, (_all: string, key: string, value: string | undefined) => {
      assert.ok(attributes.has(key.toLowerCase()), `an attribute ${key} got through`);
      if (key === "href") assert.match(value ?? "", /^https?:\/\//i);
      if (key === "src") assert.match(value ?? "", /^data:image\/(png|jpeg|svg\+xml);base64,[\w+/=]*$/);
      return "";
    });
    assert.match(left, /^\s*\/?$/, `<${name}${given}>`);
    return "";
  });
  assert.doesNotMatch(rest, /[<>]/);
}

const bad = [
  "<script>alert(1)</script>",
  '"><script>alert(1)</script>',
  "' onmouseover='alert(1)",
  '" onerror="alert(1)" x="',
  "</title></style></head><script>alert(1)</script>",
  "</code></pre><img src=x onerror=alert(1)>",
  "<!--><script>alert(1)</script>-->",
  "<svg/onload=alert(1)>",
  "&lt;script&gt;&#60;script&#62;",
];
const badMarkdown = [
  ...bad,
  "[x](javascript:alert(1))",
  "[x](JaVaScRiPt:alert(1))",
  "[x](java\nscript:alert(1))",
  "[x](&#106;avascript:alert(1))",
  "[x](data:text/html;base64,PHNjcmlwdD4=)",
  "[x](vbscript:x)",
  "[x](//evil.example/x)",
  '[x](https://ok.example/"onmouseover="alert(1))',
  "[x](<https://ok.example/ onclick=alert(1)>)",
  "![x](javascript:alert(1))",
  '!["><script>](https://ok.example/x.png \'a" onload="b\')',
  "<javascript:alert(1)>",
  "<https://ok.example/<script>>",
  '[r]\n\n[r]: javascript:alert(1) "><script>"',
  '```"><script>\n</code><script>alert(1)</script>\n```',
  "| <script> | [x](javascript:a) |\n|---|---|\n| <img src=x onerror=a> | b |",
  '# <script>alert(1)</script>\n<div onclick="alert(1)">\n\n[x](javascript:a)\n\n</div>',
  "<style>*{display:none}</style><base href=//evil.example><meta http-equiv=refresh content=0><iframe src=//evil.example>",
];

function everywhere(text: string): readonly CardComponent[] {
  return [
    card.markdown(text),
    card.table({ headers: [text], rows: [[text]] }),
    card.metric({ label: text, value: text, change: text }),
    card.code(text, text),
    card.json({ [text]: text }),
    card.progress({ label: text, done: 1, total: 2 }),
    card.chart({ shape: "bar", title: text, labels: [text], values: [1] }),
    card.chart({ shape: "line", title: text, labels: [text], values: [1] }),
    card.image({ svg: `<svg xmlns="http://www.w3.org/2000/svg"><script>${text}</script></svg>`, alt: `a${text}` }),
  ];
}

for (const text of badMarkdown) {
  test(`nothing runs, wherever a card says ${JSON.stringify(text)}`, () => assertInert(cardPage(text, everywhere(text))));
}

test("nothing runs, whatever a card says", () => {
  const pieces = fc.constantFrom(
    ...badMarkdown.join(" ").split(/(?=[<"'()[\]`&\n])/),
    "\n\n",
    "- ",
    "> ",
    "    ",
    "[",
    "](",
    "<",
    ">",
    "\\",
    "&#",
    "\0",
  );
  const text = fc.array(fc.oneof(pieces, fc.string({ unit: "grapheme" })), { maxLength: 30 }).map((parts) => parts.join(""));
  fc.assert(
    fc.property(text, (said) => assertInert(cardPage(said, [card.markdown(said), card.table({ headers: [said], rows: [[said]] })]))),
    { numRuns: 1000 },
  );
});

test("the page forbids all but its own style and images within it", () => {
  const policies = [...cardPage("x", []).matchAll(/http-equiv="Content-Security-Policy" content="([^"]*)"/g)].map(([, policy]) => policy);
  assert.deepEqual(policies, ["default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"]);
});

test("a picture of scripts is drawn as a picture: its source is within the address of an image", () => {
  const page = cardPage("x", [card.image({ svg: "<svg><script>alert(1)</script></svg>", alt: "a" })]);
  const base64 = /<img src="data:image\/svg\+xml;base64,([^"]*)" alt="a">/.exec(page)?.[1] ?? "";
  assert.equal(Buffer.from(base64, "base64").toString(), "<svg><script>alert(1)</script></svg>");
});

test("Markdown nested beyond all reason is shown as its text", () => {
  const deep = "> ".repeat(20_000);
  assertInert(cardPage("x", [card.markdown(`${deep}<script>`)]));
});

test("charts of extreme values have places for all of them", () => {
  for (const values of [[0], [5, 5], [1e300, -1e300], [5e-324, 0], [0.1, 0.2, 0.30000000000000004], [-3, -2]]) {
    for (const shape of ["line", "bar"] as const) {
      const page = cardPage("x", [card.chart({ shape, labels: values, values })]);
      assert.doesNotMatch(page.slice(page.indexOf("<svg")), /NaN|Infinity/, `${shape} ${values.join(" ")}`);
    }
  }
});
