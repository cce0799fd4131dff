// Gives the leases of one run their numbers.
//
// N1. A number is higher than every earlier one of the run, also those given by a coordinator that died before the start
//     which carried it was durable.
//
// A number is `epoch * 2^20 + n`. Each coordinator that takes the run up begins a new epoch above all that the ledger
// shows, and its first assignment leaves only once its start is durable: so a later coordinator sees every epoch that
// ever reached a worker. The coordinator that created the run needs no such first: nobody came before it.

const perEpoch = 2 ** 20;

export class LeaseNumbers {
  #next: number;

  private constructor(next: number) {
    this.#next = next;
  }

  static ofNewRun(): LeaseNumbers {
    return new LeaseNumbers(1);
  }

  /** `highest` lease that the ledger shows for the run; 0 where it shows none. */
  static after(highest: number): LeaseNumbers {
    return new LeaseNumbers((Math.floor(highest / perEpoch) + 1) * perEpoch);
  }

  /** The number that `take` will give next. */
  peek(): { readonly lease: number; readonly durableFirst: boolean } {
    return { lease: this.#next, durableFirst: this.#next % perEpoch === 0 };
  }

  take(): void {
    this.#next += 1;
  }
}
