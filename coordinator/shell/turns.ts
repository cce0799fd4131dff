// Whose turn it is among those who wait: each as often as its priority says.
//
// T1. A turn costs less the higher the priority is, and whoever has spent least is next: each ten points double a share,
//     and whoever waits has a turn after a bounded number of others'.
// T2. Who comes, or comes back, has saved up nothing: it starts where the circle is. The circle's clock goes on with each
//     turn, so that a stream of newcomers keeps nobody waiting for ever.

/** Points of priority that double a share. */
const doublingPoints = 10;

export function turnCost(priority: number): number {
  return 2 ** (-priority / doublingPoints);
}

/** Those who take turns with each other. */
export class Circle {
  #clock = 0;
  #waiting = 0;

  enter(party: Party): void {
    party.places += 1;
    if (party.places > 1) return;
    this.#waiting += 1;
    party.spent = Math.max(party.spent, this.#clock); // T2
  }

  leave(party: Party): void {
    party.places -= 1;
    if (party.places === 0) this.#waiting -= 1;
  }

  /** Whether it would start where it is now if it were new: nobody needs to remember it. */
  isLevel({ places, spent }: Party): boolean {
    return places === 0 && spent <= this.#clock;
  }

  /** It had a turn. */
  charge(party: Party, cost: number): void {
    party.spent += cost;
    this.#clock += cost / Math.max(1, this.#waiting); // T2
  }
}

/** A member of a circle. */
export class Party {
  spent = 0;
  /** In how many places it waits. */
  places = 0;
}
