/** Closes a switch over a union: adding a member breaks the build here, and an unparsed value stops the process. */
export function unreachable(value: never): never {
  throw new Error(`unreachable: ${JSON.stringify(value)}`);
}
