// The file that a flow class was loaded from. The engine knows it, and says so through its inspector.

import { Session, type Debugger, type Runtime } from "node:inspector/promises";
import { fileURLToPath } from "node:url";

/** @throws Error when the class comes from no file, as in a REPL */
export async function sourceFileOf(flowClass: abstract new () => unknown): Promise<string> {
  const url = await scriptUrlOf(flowClass);
  if (url?.startsWith("file:")) return fileURLToPath(url);
  if (url?.startsWith("/")) return url;
  throw new Error(
    `the file of ${flowClass.name} is not known (${url ?? "no script"}); pass the path of the flow's file instead of the class`,
  );
}

async function scriptUrlOf(flowClass: abstract new () => unknown): Promise<string | null> {
  const session = new Session();
  session.connect();
  try {
    const urls = new Map<string, string>();
    session.on(
      "Debugger.scriptParsed",
      ({ params }: { params: Debugger.ScriptParsedEventDataType }) => void urls.set(params.scriptId, params.url),
    );
    await session.post("Debugger.enable");
    const scriptId = await scriptIdOf(session, flowClass);
    return scriptId === null ? null : (urls.get(scriptId) ?? null);
  } finally {
    session.disconnect();
  }
}

/** The inspector sees only what a global leads to, so the class is one for a moment. */
async function scriptIdOf(session: Session, flowClass: abstract new () => unknown): Promise<string | null> {
  const name = Symbol.for("stepwell.inspected");
  Object.defineProperty(globalThis, name, { value: flowClass, configurable: true });
  try {
    const { result } = await session.post("Runtime.evaluate", { expression: 'globalThis[Symbol.for("stepwell.inspected")]' });
    if (result.objectId === undefined) return null;
    const { internalProperties } = await session.post("Runtime.getProperties", { objectId: result.objectId, ownProperties: true });
    return locationIn(internalProperties ?? []);
  } finally {
    Reflect.deleteProperty(globalThis, name);
  }
}

function locationIn(properties: readonly Runtime.InternalPropertyDescriptor[]): string | null {
  const value: unknown = properties.find((property) => property.name === "[[FunctionLocation]]")?.value?.value;
  return typeof value === "object" && value !== null && "scriptId" in value && typeof value.scriptId === "string" ? value.scriptId : null;
}
