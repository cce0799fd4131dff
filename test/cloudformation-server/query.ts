// The Query protocol: names and values of a form come in, XML goes out.

import { element, text } from "../aws/xml.ts";
import { Refusal } from "../aws/refusal.ts";

export type Form = { readonly [name: string]: string | Form | readonly (string | Form)[] };

export type Xml = string | number | boolean | Date | null | undefined | readonly Xml[] | { readonly [name: string]: Xml };

type Node = Map<string, Node | string>;

/** `Tags.member.1.Key=a` is the `Key` of the first of the `Tags`. */
export function parseForm(body: string): Form {
  const root: Node = new Map();
  for (const [name, value] of new URLSearchParams(body)) {
    let node = root;
    const words = name.split(".");
    for (const word of words.slice(0, -1)) {
      const next = node.get(word) ?? new Map<string, Node | string>();
      if (typeof next === "string") throw new Refusal(400, "MalformedQueryString", `${name} is a value and a structure`);
      node.set(word, next);
      node = next;
    }
    node.set(words.at(-1) ?? "", value);
  }
  return formOf(root);
}

function formOf(node: Node): Form {
  const entries = [...node].map(([name, value]): readonly [string, Form[string]] => {
    if (typeof value === "string") return [name, value];
    const members = value.get("member");
    if (members === undefined || typeof members === "string") return [name, formOf(value)];
    const inOrder = [...members].sort(([a], [b]) => Number(a) - Number(b));
    return [name, inOrder.map(([, member]) => (typeof member === "string" ? member : formOf(member)))];
  });
  return Object.fromEntries(entries);
}

export function textIn(form: Form, name: string): string | undefined {
  const value = form[name];
  return typeof value === "string" ? value : undefined;
}

export function textsIn(form: Form, name: string): readonly string[] {
  const value = form[name];
  return Array.isArray(value) ? value.filter((one) => typeof one === "string") : [];
}

export function formsIn(form: Form, name: string): readonly Form[] {
  const value = form[name];
  return Array.isArray(value) ? value.filter((one): one is Form => typeof one === "object") : [];
}

export function documentOf(operation: string, namespace: string, result: Xml): string {
  const metadata = element("ResponseMetadata", text("RequestId", "test"));
  return `<${operation}Response xmlns="${namespace}"><${operation}Result>${xmlOf(result)}</${operation}Result>${metadata}</${operation}Response>`;
}

export function errorOf({ status, code, message }: Refusal, requestId: string): string {
  const error = text("Type", status < 500 ? "Sender" : "Receiver") + text("Code", code) + text("Message", message);
  return `<ErrorResponse>${element("Error", error)}${text("RequestId", requestId)}</ErrorResponse>`;
}

function xmlOf(value: Xml): string {
  if (value === null || value === undefined) return "";
  if (value instanceof Date) return value.toISOString();
  if (typeof value !== "object") return text("x", String(value)).slice(3, -4);
  if (isList(value)) return value.map((member) => element("member", xmlOf(member))).join("");
  return Object.entries(value)
    .filter(([, member]) => member !== null && member !== undefined)
    .map(([name, member]) => element(name, xmlOf(member)))
    .join("");
}

function isList(value: readonly Xml[] | object): value is readonly Xml[] {
  return Array.isArray(value);
}
