// Ends the task processes of a worker that was killed without being asked, also where a step blocks its event loop, and
// removes its temporary files.
//
// A shell of its own session waits for the worker to go; it costs a millisecond to start and a megabyte to keep,
// where a watching thread in every task process would more than double the cost of starting one.

import { spawn, type ChildProcess } from "node:child_process";
import { markerVariable } from "./leftovers.ts";

/**
 * $1 is the marker that all task processes of the worker begin with, $2 the folder to remove. Reads `+ GROUP` and
 * `- GROUP` until the worker is gone, and `m FOLDER` of its memory groups; `q` says that it goes in an orderly way. What is
 * killed may have been about to start another process, so it looks again until it finds none, but not for ever; and a memory
 * group can be removed when what was in it is gone.
 */
const script = `
trap '' INT TERM HUP
groups=" "
memory=
while read -r op group; do
  case "$op" in
    +) groups="$groups$group " ;;
    -) case "$groups" in *" $group "*) groups="\${groups%% $group *} \${groups#* $group }" ;; esac ;;
    m) memory="$group" ;;
    q) exit 0 ;;
  esac
done
for group in $groups; do kill -9 -- "-$group"; done
for look in 1 2 3 4 5; do
  files="$(grep -als "${markerVariable}=$1" /proc/[0-9]*/environ)"
  [ -n "$files" ] || break
  for file in $files; do
    process="\${file#/proc/}"
    kill -9 "\${process%/environ}"
  done
done
rm -rf -- "$2"
[ -n "$memory" ] || exit 0
for look in 1 2 3 4 5 6 7 8 9 10; do
  rmdir -- "$memory"/*/ 2>/dev/null
  rmdir -- "$memory" 2>/dev/null
  [ -d "$memory" ] || break
  sleep 0.1
done
`;

export class Reaper {
  readonly #marker: string;
  readonly #folder: string;
  #shell: ChildProcess | null = null;

  /** `marker` must be safe within a basic regular expression; `folder` goes with the worker. */
  constructor(marker: string, folder: string) {
    this.#marker = marker;
    this.#folder = folder;
  }

  /** From now on nothing outlives the worker. */
  begin(): void {
    this.#shell ??= this.#start();
  }

  watch(group: number): void {
    this.begin();
    this.#shell?.stdin?.write(`+ ${group}\n`);
  }

  removeGroups(folder: string): void {
    this.begin();
    this.#shell?.stdin?.write(`m ${folder}\n`);
  }

  release(group: number): void {
    this.#shell?.stdin?.write(`- ${group}\n`);
  }

  /** To be called when all that was watched has ended. */
  async close(): Promise<void> {
    const shell = this.#shell;
    this.#shell = null;
    if (shell === null || shell.exitCode !== null || shell.signalCode !== null || shell.pid === undefined) return;
    shell.ref();
    const ended = new Promise((resolve) => shell.once("exit", resolve));
    shell.stdin?.end("q\n");
    await ended;
  }

  #start(): ChildProcess {
    const { [markerVariable]: _inherited, ...env } = process.env;
    const shell = spawn("/bin/sh", ["-c", script, "stepwell-reaper", this.#marker, this.#folder], {
      detached: true,
      stdio: ["pipe", "ignore", "ignore"],
      env,
    });
    // Without a shell, or when somebody kills it, processes still end with the worker as soon as their event loop turns.
    shell.on("error", () => undefined);
    shell.stdin?.on("error", () => undefined);
    shell.unref();
    if (shell.stdin !== null && "unref" in shell.stdin && typeof shell.stdin.unref === "function") shell.stdin.unref();
    return shell;
  }
}
