// The little XML that the servers write and read.

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
