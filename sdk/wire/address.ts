// Where a coordinator listens: a unix socket's path or a host with a port, and the one text that names either.

export type Address =
  | { readonly kind: "socket"; readonly path: string }
  | { readonly kind: "tcp"; readonly host: string; readonly port: number };

class AddressError extends Error {
  override readonly name = "AddressError";
}

/** Bytes of a socket's path that every system takes. */
const socketPathBytesMax = 103;

/** `unix:/folder/socket` or `host:port`: also what grpc-js takes as a target. @throws AddressError */
export function parseAddress(text: string): Address {
  if (text.startsWith("unix:")) return socketAddress(text.slice("unix:".length));
  const match = /^(\[[^\]]+\]|[^:/\s]+):(\d{1,5})$/.exec(text);
  const [, host, port] = match ?? [];
  if (host === undefined || port === undefined || Number(port) > 65_535) {
    throw new AddressError(`"${text}" is not an address: expected host:port, like coordinator.example:7420, or unix:/path/of/a/socket`);
  }
  return { kind: "tcp", host, port: Number(port) };
}

/** @throws AddressError where the system would cut the path off. */
export function socketAddress(path: string): Address {
  const bytes = Buffer.byteLength(path);
  if (path === "" || bytes > socketPathBytesMax) {
    throw new AddressError(
      `the socket path "${path}" has ${bytes} bytes: it must have between 1 and ${socketPathBytesMax}, so choose a shorter folder`,
    );
  }
  return { kind: "socket", path };
}

export function addressText(address: Address): string {
  return address.kind === "socket" ? `unix:${address.path}` : `${address.host}:${address.port}`;
}
