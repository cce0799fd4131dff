// What a step may leave behind in its process beyond its flow's modules, which are evaluated afresh for every task.
// A process with traces in it is not used for another task.
//
// T1. Looking costs little when there is nothing to find (a few µs): every task pays for it.

type Watched = { readonly owner: object; readonly key: string; readonly value: unknown };

/** What tests and polyfills like to replace, each with its owner. */
const replaced: readonly (readonly [object, readonly string[]])[] = [
  [globalThis, ["fetch", "setTimeout", "setInterval", "setImmediate", "queueMicrotask", "Date", "Promise", "Error", "console"]],
  [Date, ["now"]],
  [Math, ["random"]],
  [JSON, ["parse", "stringify"]],
  [Object.prototype, ["toString"]],
  [Array.prototype, ["map"]],
  [String.prototype, ["replace"]],
  [Promise.prototype, ["then"]],
  [Function.prototype, ["call"]],
  [console, ["log", "error", "warn", "info", "debug"]],
  [process, ["exit", "emit", "chdir"]],
];

/** What is assigned to these is noticed; what a polyfill defines so that nobody enumerates it is not, at a tenth of the cost. */
const extended: readonly object[] = [
  globalThis,
  Object.prototype,
  Array.prototype,
  String.prototype,
  Function.prototype,
  Promise.prototype,
];

export class Traces {
  readonly #watched: readonly Watched[];
  readonly #keyCounts: readonly (readonly [object, number])[];
  readonly #cwd = process.cwd();
  readonly #env = process.env;
  readonly #values: Readonly<Record<string, string | undefined>> = { ...process.env };
  #envTouched = false;
  #envReplaced = false;
  #resources = 0;
  #listeners = "";
  #unrefTimers: NodeJS.Timeout[] = [];

  readonly #openedStreams: () => readonly object[];

  /** `openedStreams` gives those of stdout and stderr that are open, which a step may do. */
  constructor(openedStreams: () => readonly object[]) {
    this.#openedStreams = openedStreams;
    this.#watchEnvironment();
    this.#watchUnrefTimers();
    this.#watched = replaced.flatMap(([owner, keys]) => keys.map((key) => ({ owner, key, value: Reflect.get(owner, key) })));
    this.#keyCounts = extended.map((owner) => [owner, Object.keys(owner).length]);
  }

  /** Called when the process has all that it keeps open for itself. */
  rememberResources(): void {
    this.#resources = process.getActiveResourcesInfo().length - this.#openedStreams().length;
    this.#listeners = listeners();
  }

  /** What the last step left behind, in words; null where there is nothing. Timers that would not have kept a process alive are cleared. */
  found(): string | null {
    for (const timer of this.#unrefTimers) clearTimeout(timer);
    this.#unrefTimers = [];
    return this.#foundResources() ?? this.#foundEnvironment() ?? this.#foundGlobals();
  }

  #foundResources(): string | null {
    const resources = process.getActiveResourcesInfo();
    if (resources.length > this.#resources + this.#openedStreams().length) return `it left open: ${resources.join(", ")}`;
    if (listeners() !== this.#listeners) return "it left listeners on process";
    return null;
  }

  #foundEnvironment(): string | null {
    if (process.cwd() !== this.#cwd) return "it changed the working directory";
    if (process.exitCode !== undefined) return "it set process.exitCode";
    if (this.#envReplaced) return "it replaced process.env";
    if (!this.#envTouched) return null;
    this.#envTouched = false;
    const names = Object.keys(this.#env);
    const same = names.length === Object.keys(this.#values).length && names.every((name) => this.#env[name] === this.#values[name]);
    return same ? null : "it changed environment variables";
  }

  #foundGlobals(): string | null {
    if (this.#openedStreams().some((stream) => Object.hasOwn(stream, "write"))) return "it replaced how its process prints";
    for (const { owner, key, value } of this.#watched) {
      if (Reflect.get(owner, key) !== value) return `it replaced ${key}`;
    }
    for (const [owner, count] of this.#keyCounts) {
      if (Object.keys(owner).length !== count) return "it added or removed globals or properties of built-in objects";
    }
    return null;
  }

  /** Comparing the variables costs more than all the rest: done only where a step has touched them. */
  #watchEnvironment(): void {
    Object.defineProperty(process, "env", {
      configurable: true,
      enumerable: true,
      get: () => {
        this.#envTouched = true;
        return this.#env;
      },
      set: () => {
        this.#envReplaced = true;
      },
    });
  }

  /** A timer that was unref'ed is not among the active resources. */
  #watchUnrefTimers(): void {
    const sample = setTimeout(() => undefined, 0);
    clearTimeout(sample);
    const prototype: object = Object.getPrototypeOf(sample);
    const unref = sample.unref;
    const remember = (timer: NodeJS.Timeout): void => {
      this.#unrefTimers.push(timer);
    };
    Reflect.set(prototype, "unref", function (this: NodeJS.Timeout) {
      remember(this);
      return unref.call(this);
    });
  }
}

function listeners(): string {
  let text = "";
  for (const name of process.eventNames()) text += `${String(name)}${process.listenerCount(name)} `;
  return text;
}
