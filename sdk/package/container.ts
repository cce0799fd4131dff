// A code package as bytes: one line of JSON, then the code, then its source map. Equal sources give equal bytes on every
// machine, since nothing in it tells where or when it was made.

import { NameError, parseFlowName } from "../../proto/ids.ts";
import type { FlowName } from "../../proto/ids.ts";

type PackageContent = {
  readonly flowName: FlowName;
  /** Name under which the flow's file exports the class. */
  readonly exportName: string;
  /** Base name of the flow's file. Sources in the map are relative to its folder. */
  readonly file: string;
  readonly code: string;
  /** JSON. */
  readonly sourceMap: string;
};

/** The bytes are no code package, or one of a later format. */
export class CodePackageError extends Error {
  override readonly name = "CodePackageError";
}

const version = 1;
const headerBytesMax = 64 * 1024;

type Header = { readonly stepwell: "code"; readonly version: number; readonly codeBytes: number; readonly mapBytes: number } & Omit<
  PackageContent,
  "code" | "sourceMap"
>;

export function writeContainer(content: PackageContent): Uint8Array {
  const { flowName, exportName, file } = content;
  const code = Buffer.from(content.code);
  const map = Buffer.from(content.sourceMap);
  const header: Header = { stepwell: "code", version, flowName, exportName, file, codeBytes: code.length, mapBytes: map.length };
  return Buffer.concat([Buffer.from(`${JSON.stringify(header)}\n`), code, map]);
}

/** @throws CodePackageError */
export function readContainer(bytes: Uint8Array): PackageContent {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const headerEnd = buffer.subarray(0, headerBytesMax).indexOf(10);
  const header = parseHeader(buffer.toString("utf8", 0, Math.max(headerEnd, 0)));
  const { flowName, exportName, file, codeBytes, mapBytes } = header;
  const codeStart = headerEnd + 1;
  const mapStart = codeStart + codeBytes;
  if (buffer.length !== mapStart + mapBytes) {
    throw new CodePackageError(`the code package of ${flowName} has ${buffer.length} bytes instead of ${mapStart + mapBytes}; it was cut`);
  }
  return { flowName, exportName, file, code: buffer.toString("utf8", codeStart, mapStart), sourceMap: buffer.toString("utf8", mapStart) };
}

function parseHeader(text: string): Header {
  let header: Partial<Header>;
  try {
    header = JSON.parse(text) as Partial<Header>;
  } catch {
    throw new CodePackageError("these bytes are no code package: they don't start with its header");
  }
  if (header.stepwell !== "code") throw new CodePackageError("these bytes are no code package: they don't start with its header");
  if (header.version !== version) {
    throw new CodePackageError(
      `the code package has format ${header.version}; this Stepwell reads format ${version}: use the version that made it`,
    );
  }
  try {
    parseFlowName(String(header.flowName));
  } catch (error) {
    if (error instanceof NameError) throw new CodePackageError(`the header of the code package is damaged: ${error.message}`);
    throw error;
  }
  return header as Header;
}
