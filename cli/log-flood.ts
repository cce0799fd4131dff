// Bounds how many log lines of one event are written: what is beyond is counted, and told in one line.

/** Lines of one event within `windowMs`. */
export const linesMax = 500;
export const windowMs = 10_000;

export type FloodOptions = {
  readonly nowMs: () => number;
  /** Calls back later, unless the process has ended by then. */
  readonly later: (ms: number, callback: () => void) => void;
  /** So many lines of the event were held back. */
  readonly tell: (event: string, lines: number) => void;
};

type Window = { readonly sinceMs: number; lines: number; held: number };

export class Flood {
  readonly #options: FloodOptions;
  readonly #windows = new Map<string, Window>();

  constructor(options: FloodOptions) {
    this.#options = options;
  }

  /** Whether another line of the event may be written. */
  admits(event: string): boolean {
    const window = this.#window(event);
    window.lines += 1;
    if (window.lines <= linesMax) return true;
    window.held += 1;
    if (window.held === 1) this.#options.later(window.sinceMs + windowMs - this.#options.nowMs(), () => this.#end(event, window));
    return false;
  }

  #window(event: string): Window {
    const nowMs = this.#options.nowMs();
    const known = this.#windows.get(event);
    if (known !== undefined && nowMs - known.sinceMs < windowMs) return known;
    if (known !== undefined) this.#end(event, known);
    const window = { sinceMs: nowMs, lines: 0, held: 0 };
    this.#windows.set(event, window);
    return window;
  }

  #end(event: string, window: Window): void {
    if (window.held > 0) this.#options.tell(event, window.held);
    window.held = 0;
    if (this.#windows.get(event) === window) this.#windows.delete(event);
  }
}
