// The few fields of an order that a worker acts on. The rest is for the task process, which gets the bytes as they came.

export type OrderHead = {
  readonly codePackage: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly isolated: boolean;
  readonly timeoutSeconds: number | null;
  readonly memoryMiB: number | null;
  /** Some of its parameters must not be shown. */
  readonly hasSecrets: boolean;
};

/** @throws Error saying which field is wrong. */
export function parseOrderHead(bytes: Uint8Array): OrderHead {
  const order: unknown = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8"));
  if (typeof order !== "object" || order === null) throw new Error("an order is a JSON object");
  const field = (name: string): unknown => Reflect.get(order, name);
  const codePackage = field("codePackage");
  const environment = field("environment");
  const isolated = field("isolated");
  const timeoutSeconds = field("timeoutSeconds");
  const memoryMiB = field("memoryMiB");
  const secrets = field("secrets");
  if (typeof codePackage !== "string") throw new Error("the order's codePackage is not a string");
  if (!isStrings(environment)) throw new Error("the order's environment is not an object of strings");
  if (typeof isolated !== "boolean") throw new Error("the order's isolated is not a boolean");
  if (timeoutSeconds !== null && typeof timeoutSeconds !== "number")
    throw new Error("the order's timeoutSeconds is neither a number nor null");
  if (memoryMiB !== null && typeof memoryMiB !== "number") throw new Error("the order's memoryMiB is neither a number nor null");
  if (!Array.isArray(secrets)) throw new Error("the order's secrets are not a list");
  return { codePackage, environment, isolated, timeoutSeconds, memoryMiB, hasSecrets: secrets.length > 0 };
}

function isStrings(value: unknown): value is Readonly<Record<string, string>> {
  return typeof value === "object" && value !== null && Object.values(value).every((one) => typeof one === "string");
}
