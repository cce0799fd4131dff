// The card that a running step builds: `current.card`.
//
// C1. What is on the card is well formed and within the limits; what is not is refused where it is appended.

import { cardVersion, type Card, type CardComponent } from "./component.ts";
import { cardBytesMax, componentsMax } from "./limits.ts";
import { CardError, parseComponent } from "./parse-component.ts";

export interface CurrentCard {
  /** Adds to the end of the card. @throws CardError */
  append(...components: readonly CardComponent[]): void;
  /** Same, for a list. @throws CardError */
  extend(components: Iterable<CardComponent>): void;
  /** Takes everything off the card: to show a new state instead of the old one. */
  clear(): void;
  /** What is on it now. */
  readonly components: readonly CardComponent[];
}

export class TaskCard implements CurrentCard {
  #components: CardComponent[] = [];
  #bytes = 0;

  get components(): readonly CardComponent[] {
    return [...this.#components];
  }

  append(...components: readonly CardComponent[]): void {
    this.extend(components);
  }

  extend(components: Iterable<CardComponent>): void {
    const added = [...components].map(parseComponent);
    const count = this.#components.length + added.length;
    if (count > componentsMax)
      throw new CardError(`current.card: ${count} components, and at most ${componentsMax} are possible; clear() it first`);
    const bytes = added.reduce((sum, component) => sum + sizeOf(component), this.#bytes);
    if (bytes > cardBytesMax) {
      throw new CardError(
        `current.card: about ${bytes} bytes, and at most ${cardBytesMax} are possible; keep what is larger as an artifact`,
      );
    }
    this.#components.push(...added);
    this.#bytes = bytes;
  }

  clear(): void {
    this.#components = [];
    this.#bytes = 0;
  }

  /** What is to be kept; null where the step has put nothing on it. */
  kept(): Card | null {
    return this.#components.length === 0 ? null : { version: cardVersion, components: this.components };
  }
}

/** About what it takes once kept. */
function sizeOf(component: CardComponent): number {
  return component.kind === "image" ? component.bytes.length : JSON.stringify(component).length;
}
