// What goes on at the border, for whoever counts it.

export type Traffic = {
  /** Streams of events and lines that clients have open. */
  follows: number;
  /** A question was answered, or refused with this code. */
  onAnswered: (method: string, code: string) => void;
};
