// What the server refuses, as S3 says it: a status, a code, and a sentence.

export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message = code) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export function escapeXml(text: string): string {
  return text.replace(/[&<>"'\r\n]/g, (character) => `&#${character.charCodeAt(0)};`);
}

export function element(name: string, content: string): string {
  return `<${name}>${content}</${name}>`;
}

/** An element that holds text. */
export function text(name: string, content: string | number): string {
  return element(name, escapeXml(String(content)));
}

export function documentOf(name: string, content: string): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n<${name} xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${content}</${name}>`;
}

/** The texts of all elements of a name, wherever they are: enough for the few documents that clients send. */
export function textsOf(xml: string, name: string): string[] {
  return [...xml.matchAll(new RegExp(`<${name}>([^<]*)</${name}>`, "g"))].map((found) => unescapeXml(found[1] ?? ""));
}

function unescapeXml(escaped: string): string {
  const named: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };
  return escaped.replace(/&(#?)(\w+);/g, (whole: string, sign: string, word: string) => {
    if (sign === "") return named[word] ?? whole;
    return String.fromCodePoint(word.startsWith("x") ? Number.parseInt(word.slice(1), 16) : Number(word));
  });
}
