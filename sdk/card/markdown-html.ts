// Markdown as HTML that can do nothing but be read.
//
// M1. A library finds the structure; every tag is written here, and all that the author wrote is escaped. HTML within the
//     Markdown is shown as it is written.
// M2. Links lead to http and https only. Images are shown by their words: a page loads nothing from anywhere.

import { lexer, type MarkedToken, type Token, type Tokens } from "marked";
import { unreachable } from "../../proto/unreachable.ts";
import { escapeHtml } from "./escape.ts";

export function markdownHtml(text: string): string {
  let tokens: readonly Token[];
  try {
    tokens = lexer(text, { gfm: true });
    return blocks(tokens);
  } catch (error) {
    // What is nested thousands deep exhausts the stack; the text itself can still be read.
    if (error instanceof RangeError) return `<pre>${escapeHtml(text)}</pre>\n`;
    throw error;
  }
}

function blocks(tokens: readonly Token[]): string {
  return tokens.map(tokenHtml).join("");
}

/** All that the library knows; what an extension would add has no text of its own to show but its source. */
function isKnown(token: Token): token is MarkedToken {
  return known.has(token.type);
}

const known: ReadonlySet<string> = new Set<MarkedToken["type"]>([
  "blockquote",
  "br",
  "checkbox",
  "code",
  "codespan",
  "def",
  "del",
  "em",
  "escape",
  "heading",
  "hr",
  "html",
  "image",
  "link",
  "list",
  "list_item",
  "paragraph",
  "space",
  "strong",
  "table",
  "text",
]);

function tokenHtml(token: Token): string {
  if (!isKnown(token)) return proseHtml(token.raw);
  switch (token.type) {
    case "space":
    case "def":
      return "";
    case "hr":
      return "<hr>\n";
    case "br":
      return "<br>";
    case "heading":
      return headingHtml(token);
    case "paragraph":
      return `<p>${blocks(token.tokens)}</p>\n`;
    case "blockquote":
      return `<blockquote>\n${blocks(token.tokens)}</blockquote>\n`;
    case "code":
      return `<pre><code>${escapeHtml(token.text)}</code></pre>\n`;
    case "list":
      return listHtml(token);
    case "list_item":
      return `<li>${blocks(token.tokens)}</li>\n`;
    case "checkbox":
      return token.checked ? "☑ " : "☐ ";
    case "table":
      return tableHtml(token);
    case "html": // M1
      return token.block ? `<p>${escapeHtml(token.raw.trim())}</p>\n` : escapeHtml(token.raw);
    case "strong":
    case "em":
    case "del":
      return `<${token.type}>${blocks(token.tokens)}</${token.type}>`;
    case "codespan":
      return `<code>${escapeHtml(token.text)}</code>`;
    case "link":
      return linkHtml(token.href, blocks(token.tokens));
    case "image":
      return linkHtml(token.href, `[${escapeHtml(token.text)}]`);
    case "escape":
      return escapeHtml(token.text);
    case "text":
      return "tokens" in token && token.tokens !== undefined ? blocks(token.tokens) : proseHtml(token.text);
    default:
      return unreachable(token);
  }
}

/** The page has a heading of its own, and each step below it. */
function headingHtml({ depth, tokens }: Tokens.Heading): string {
  const tag = `h${Math.min(6, depth + 1)}`;
  return `<${tag}>${blocks(tokens)}</${tag}>\n`;
}

function listHtml({ ordered, start, items }: Tokens.List): string {
  const body = items.map(tokenHtml).join("");
  if (!ordered) return `<ul>\n${body}</ul>\n`;
  return `<ol${typeof start === "number" && start !== 1 ? ` start="${start}"` : ""}>\n${body}</ol>\n`;
}

function tableHtml({ header, rows }: Tokens.Table): string {
  const row = (tag: "th" | "td", cells: readonly Tokens.TableCell[]): string =>
    `<tr>${cells.map((cell) => `<${tag}>${blocks(cell.tokens)}</${tag}>`).join("")}</tr>\n`;
  return `<table>\n<thead>\n${row("th", header)}</thead>\n<tbody>\n${rows.map((cells) => row("td", cells)).join("")}</tbody>\n</table>\n`;
}

function linkHtml(href: string, inner: string): string {
  const safe = /^https?:\/\//i.test(href) && URL.canParse(href); // M2
  return safe ? `<a href="${escapeHtml(href)}" rel="noopener noreferrer">${inner}</a>` : inner;
}

/** `&nbsp;` and its like mean in Markdown what they mean in HTML, and can mean no harm. */
function proseHtml(text: string): string {
  return escapeHtml(text).replaceAll(/&amp;(#\d{1,7}|#[xX][\da-fA-F]{1,6}|[a-zA-Z][a-zA-Z\d]{1,31});/g, "&$1;");
}
