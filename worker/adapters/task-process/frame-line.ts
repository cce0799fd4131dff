// Carries frames between a task process and its worker, over the socket that the process was born with.
//
// L1. When the worker is gone, `onGone` is called: by whichever line, as soon as the process looks.
// L2. Nothing arrives within the call that sends.

import { writeSync, readSync } from "node:fs";
import type { Socket } from "node:net";
import { FrameReader } from "./frames.ts";

export type LineEvents = {
  /** `body` is valid during the call only. */
  onFrame(kind: number, body: Buffer): void;
  onGone(): void;
};

export interface FrameLine {
  /** Begins to hand over what comes. */
  listen(): void;
  send(frame: Buffer): void;
  /** What was sent, or is about to be, is a question: from now on the answer is listened for. */
  expectAnswer(): void;
  /** Nothing that comes is of interest any more; the worker ends this process. */
  rest(): void;
}

/** The socket to the worker. */
const workerFd = 3;
/** A task that is done sooner is not listened for: nothing that comes would find it. Milliseconds. */
const listenAfterMs = 10;
const readBytes = 64 * 1024;

/** Listens all the time, as a process must that gets one order after the other. */
export class ListeningLine implements FrameLine {
  readonly #socket: Socket;
  readonly #events: LineEvents;

  constructor(events: LineEvents) {
    this.#events = events;
    this.#socket = openSocket();
  }

  listen(): void {
    listenTo(this.#socket, new FrameReader((kind, body) => this.#events.onFrame(kind, body)), () => this.#events.onGone());
  }

  send(frame: Buffer): void {
    this.#socket.write(frame);
  }

  expectAnswer(): void {
    // It listens already.
  }

  rest(): void {
    // It listens for the next order.
  }
}

/**
 * For a process that runs one task. Loading sockets makes up a tenth of what starting a process costs, so it waits for the
 * order by reading, and opens a socket only for a task that goes on for longer.
 */
export class ReadingLine implements FrameLine {
  readonly #events: LineEvents;
  readonly #orderKind: number;
  readonly #reader: FrameReader;
  #ordered = false;
  #socket: Socket | null = null;
  #opening: NodeJS.Timeout | undefined;

  /** `orderKind` is the frame that it waits for. */
  constructor(orderKind: number, events: LineEvents) {
    this.#events = events;
    this.#orderKind = orderKind;
    this.#reader = new FrameReader((kind, body) => {
      this.#ordered ||= kind === this.#orderKind;
      events.onFrame(kind, body);
    });
  }

  /** Returns when the order has been handed over. */
  listen(): void {
    const buffer = Buffer.allocUnsafe(readBytes);
    while (!this.#ordered) {
      const length = readSome(buffer);
      if (length === 0) return this.#events.onGone(); // L1
      this.#reader.push(buffer.subarray(0, length));
    }
    this.#opening = setTimeout(() => this.#open(), listenAfterMs);
  }

  send(frame: Buffer): void {
    if (this.#socket !== null) this.#socket.write(frame);
    else for (let at = 0; at < frame.length;) at += writeSync(workerFd, frame, at);
  }

  expectAnswer(): void {
    clearTimeout(this.#opening);
    this.#opening = undefined;
    this.#open();
  }

  rest(): void {
    clearTimeout(this.#opening);
    if (this.#socket !== null) return;
    const buffer = Buffer.allocUnsafe(readBytes);
    while (readSome(buffer) > 0);
    this.#events.onGone(); // L1
  }

  #open(): void {
    if (this.#socket !== null) return;
    this.#socket = openSocket();
    listenTo(this.#socket, this.#reader, () => this.#events.onGone());
  }
}

/** 0 where the worker is gone. */
function readSome(buffer: Buffer): number {
  try {
    return readSync(workerFd, buffer);
  } catch {
    return 0;
  }
}

function openSocket(): Socket {
  const net = process.getBuiltinModule("node:net");
  return new net.Socket({ fd: workerFd, readable: true, writable: true });
}

function listenTo(socket: Socket, reader: FrameReader, onGone: () => void): void {
  socket.on("data", (chunk: Buffer) => reader.push(chunk));
  socket.on("error", onGone);
  socket.on("close", onGone);
}
