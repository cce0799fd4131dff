// What this process has started and must not leave behind.

const killed = new Set<() => void>();
const killAll = (): void => killed.forEach((kill) => kill());

/** Kills when this process ends. Returns what undoes it. One listener serves all: a program may run many flows at once. */
export function killAtExit(kill: () => void): () => void {
  if (killed.size === 0) process.on("exit", killAll);
  killed.add(kill);
  return () => {
    killed.delete(kill);
    if (killed.size === 0) process.off("exit", killAll);
  };
}
