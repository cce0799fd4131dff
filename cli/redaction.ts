// Keeps secrets out of log lines, wherever in a field or a message they are.
//
// R1. What a name says is secret is hidden with all that it holds. So is, in any text, what is known to be secret here, and what
//     looks like it: tokens, credentials in addresses, what is signed into them, private keys.
// R2. What is hidden leaves no part of itself behind, but for the public part of a token, by which people know it.

const hidden = "[redacted]";
const secretName =
  /(?:^|[_.-])(?:authorization|cookie|token|password|passwd|passphrase|secrets?|credentials?|signature|seed|private_key|access_key|api_key)$/;
/** Shorter ones would make lines unreadable, and are no secrets. */
const charactersLeast = 8;
const depthMax = 8;

const known = new Set<string>();

/** From now on this text is hidden wherever it shows up. */
export function hideInLogs(secret: string): void {
  if (secret.length >= charactersLeast) known.add(secret);
}

/** What variables with such names hold. */
export function hideEnvironment(env: Readonly<Record<string, string | undefined>>): void {
  for (const [name, value] of Object.entries(env)) if (value !== undefined && isSecretName(name)) hideInLogs(value);
}

export function redactFields(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, isSecretName(name) ? hidden : redactValue(value, 1)]));
}

const patterns: readonly (readonly [RegExp, string])[] = [
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g, hidden],
  [/\b(sw_[0-9a-f]{12})_[\w-]+/g, `$1_${hidden}`],
  [/\b(Bearer|Basic)\s+[^\s"',]+/gi, `$1 ${hidden}`],
  [/([a-z][a-z0-9+.-]*:\/\/)[^\s/?#"'@]+@/gi, `$1${hidden}@`],
  [/([a-z][a-z0-9+.-]*:\/\/[^\s?#"'<>]*|\/blobs\/[0-9a-f]{64}[^\s?#"'<>]*)\?[^\s"'<>]*/gi, `$1?${hidden}`],
  [/\b(X-Amz-[\w-]+|proof|signature|password|passwd|token|secret)=[^\s&"']+/gi, `$1=${hidden}`],
  [/\bS[A-Z][A-Z2-7]{56}\b/g, hidden],
];

export function redactText(text: string): string {
  let clean = text;
  for (const secret of known) if (clean.includes(secret)) clean = clean.replaceAll(secret, hidden);
  for (const [pattern, instead] of patterns) clean = clean.replace(pattern, instead);
  return clean;
}

function redactValue(value: unknown, depth: number): unknown {
  if (typeof value === "string") return redactText(value);
  if (typeof value === "bigint") return String(value);
  if (typeof value !== "object" || value === null) return value;
  if (depth > depthMax) return "[deeper]";
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (Array.isArray(value)) return value.map((item) => redactValue(item, depth + 1));
  if (value instanceof Error) return redactFields({ type: value.name, message: value.message, stack: value.stack });
  if (value instanceof Map) return redactValue(Object.fromEntries(value), depth + 1);
  if (value instanceof Set) return redactValue([...value], depth + 1);
  if ("toJSON" in value && typeof value.toJSON === "function") return redactValue(value.toJSON(), depth + 1);
  // A name may be a secret as well as what it names.
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [redactText(name), isSecretName(name) ? hidden : redactValue(item, depth + 1)]),
  );
}

/** `accessToken` and `ACCESS_TOKEN` are `access_token`. */
function isSecretName(name: string): boolean {
  return secretName.test(name.replaceAll(/([a-z0-9])([A-Z])/g, "$1_$2").toLowerCase());
}
