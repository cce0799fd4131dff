// Reads the options of a decorator, of whose types nothing is taken for granted: whoever wrote them may not have had the
// compiler's help.

/** Limits of sizes. */
export const memoryMiBMax = 16 * 1024 * 1024;
export const cpuMax = 4096;
export const gpuMax = 1024;

export type Objection = { readonly decorator: string; readonly message: string; readonly hint: string };
type Options = Readonly<Record<string, unknown>>;

/** Reads the options of one decorator; what is wrong goes to the problems, and the default takes its place. */
export class OptionReader {
  readonly decorator: string;
  readonly options: Options;
  readonly #problems: Objection[];

  constructor(decorator: string, options: Options, problems: Objection[]) {
    this.decorator = decorator;
    this.options = options;
    this.#problems = problems;
  }

  object(message: string, hint: string): void {
    this.#problems.push({ decorator: this.decorator, message: `@${this.decorator}: ${message}`, hint });
  }

  number<Fallback extends number | null>(
    name: string,
    fallback: Fallback,
    range: { min: number; max: number; whole?: boolean },
  ): number | Fallback {
    const value = this.options[name];
    if (value === undefined) return fallback;
    const whole = range.whole === true;
    if (typeof value === "number" && value >= range.min && value <= range.max && (!whole || Number.isInteger(value))) return value;
    const shown = typeof value === "number" ? String(value) : JSON.stringify(value);
    this.object(`${name} is ${shown}`, `give ${whole ? "a whole number" : "a number"} from ${range.min} to ${range.max}`);
    return fallback;
  }

  text(name: string): string | null {
    const value = this.options[name];
    if (value === undefined) return null;
    if (typeof value === "string" && value !== "") return value;
    this.object(`${name} is ${JSON.stringify(value)}`, "give a text that is not empty, or leave it out");
    return null;
  }

  refuseOthers(known: readonly string[]): void {
    const other = Object.keys(this.options).find((name) => !known.includes(name));
    if (other !== undefined) this.object(`there is no option ${other}`, `its options are ${known.join(", ")}`);
  }
}

export function readSizes<None extends number | null>(reader: OptionReader, fallback: Sizes<None>): Sizes<number | None> {
  return {
    cpu: reader.number("cpu", fallback.cpu, { min: 0.01, max: cpuMax }),
    memoryMiB: reader.number("memory", fallback.memoryMiB, { min: 16, max: memoryMiBMax, whole: true }),
    gpu: reader.number("gpu", fallback.gpu, { min: 0, max: gpuMax, whole: true }),
  };
}

type Sizes<Asked> = { readonly cpu: Asked; readonly memoryMiB: Asked; readonly gpu: number };
