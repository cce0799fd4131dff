// Between the items of worker-items.ts and the bytes of proto/worker.proto.

import { unreachable } from "../../proto/unreachable.ts";
import type { LaunchClaim } from "../../proto/launch.ts";
import type { MachineLoad } from "../../proto/view.ts";
import { ProtoReader, WireError } from "./proto-reader.ts";
import type { ProtoWriter } from "./proto-writer.ts";
import type { CoordinatorItem, Held, Hello, LogText, WorkerItem } from "./worker-items.ts";

/** Field of both batch messages that holds the items. */
const itemsField = 1;
const noBytes: Uint8Array = new Uint8Array();
const streams = ["stdout", "stderr", "system"] as const;

export function writeWorkerItem(writer: ProtoWriter, item: WorkerItem): void {
  writer.message(itemsField, () => {
    switch (item.kind) {
      case "hello":
        return writer.message(1, () => writeHello(writer, item.hello));
      case "beat":
        return writer.message(2, () => writeBeat(writer, item));
      case "outcome":
        return writer.message(3, () => {
          writeHeld(writer, item.of);
          writer.bytes(5, item.outcome);
        });
      case "logs":
        return writer.message(4, () => {
          writeHeld(writer, item.of);
          for (const line of item.lines) writer.message(5, () => writeLogText(writer, line));
          writer.number(6, item.from);
        });
      case "credit":
        return writer.message(5, () => writer.number(1, item.slots));
      case "draining":
        return writer.message(6, () => undefined);
      case "askBlobs":
        return writer.message(7, () => {
          writeHeld(writer, item.of);
          writer.number(5, item.id);
          writer.bytes(6, item.requests);
        });
      default:
        return unreachable(item);
    }
  });
}

export function writeCoordinatorItem(writer: ProtoWriter, item: CoordinatorItem): void {
  writer.message(itemsField, () => {
    switch (item.kind) {
      case "welcome":
        return writer.message(1, () => {
          writer.number(1, item.protocol);
          writer.text(2, item.version);
          writer.number(3, item.leaseMs);
          writer.number(4, item.beatMs);
          writer.bytes(5, item.blobs);
        });
      case "assign":
        return writer.message(2, () => {
          writeHeld(writer, item.of);
          writer.bytes(5, item.order);
        });
      case "stop":
        return writer.message(3, () => {
          writeHeld(writer, item.of);
          writer.number(5, item.graceMs);
          writer.text(6, item.by);
        });
      case "revoke":
        return writer.message(4, () => writeHeld(writer, item.of));
      case "accepted":
        return writer.message(5, () => {
          writeHeld(writer, item.of);
          writer.flag(5, item.refused);
        });
      case "drain":
        return writer.message(6, () => undefined);
      case "blobsAnswered":
        return writer.message(7, () => {
          writer.number(1, item.id);
          writer.bytes(2, item.answer);
        });
      case "linesKept":
        return writer.message(8, () => {
          writeHeld(writer, item.of);
          writer.number(5, item.lines);
        });
      default:
        return unreachable(item);
    }
  });
}

/** @throws WireError */
export function readWorkerItems(bytes: Uint8Array): WorkerItem[] {
  return readItems(bytes, readWorkerItem);
}

/** @throws WireError */
export function readCoordinatorItems(bytes: Uint8Array): CoordinatorItem[] {
  return readItems(bytes, readCoordinatorItem);
}

function readItems<Item>(bytes: Uint8Array, readItem: (reader: ProtoReader, field: number) => Item | null): Item[] {
  const reader = new ProtoReader(bytes);
  const items: Item[] = [];
  for (let field = reader.next(); field !== null; field = reader.next()) {
    if (field !== itemsField) {
      reader.skip();
      continue;
    }
    reader.message(() => {
      for (let kind = reader.next(); kind !== null; kind = reader.next()) {
        const item = readItem(reader, kind);
        // A kind that a newer side sends and this one doesn't know is passed over; the versions agreed that it may be.
        if (item === null) reader.skip();
        else items.push(item);
      }
    });
  }
  return items;
}

function readWorkerItem(reader: ProtoReader, kind: number): WorkerItem | null {
  switch (kind) {
    case 1:
      return { kind: "hello", hello: reader.message(() => readHello(reader)) };
    case 2:
      return reader.message(() => readBeat(reader));
    case 3: {
      let outcome: Uint8Array = noBytes;
      const of = reader.message(() => readHeld(reader, { 5: () => (outcome = reader.bytes()) }));
      return { kind: "outcome", of, outcome };
    }
    case 4: {
      const lines: LogText[] = [];
      let from = 0;
      const readers = { 5: () => lines.push(reader.message(() => readLogText(reader))), 6: () => (from = reader.number()) };
      const of = reader.message(() => readHeld(reader, readers));
      return { kind: "logs", of, from, lines };
    }
    case 5: {
      let slots = 0;
      reader.message(() => eachField(reader, { 1: () => (slots = reader.number()) }));
      return { kind: "credit", slots };
    }
    case 6:
      reader.message(() => undefined);
      return { kind: "draining" };
    case 7: {
      let [id, requests] = [0, noBytes];
      const of = reader.message(() => readHeld(reader, { 5: () => (id = reader.number()), 6: () => (requests = reader.bytes()) }));
      return { kind: "askBlobs", of, id, requests };
    }
    default:
      return null;
  }
}

function readCoordinatorItem(reader: ProtoReader, kind: number): CoordinatorItem | null {
  switch (kind) {
    case 1:
      return reader.message(() => readWelcome(reader));
    case 2: {
      let order: Uint8Array = noBytes;
      const of = reader.message(() => readHeld(reader, { 5: () => (order = reader.bytes()) }));
      return { kind: "assign", of, order };
    }
    case 3: {
      let graceMs = 0;
      let by = "";
      const of = reader.message(() => readHeld(reader, { 5: () => (graceMs = reader.number()), 6: () => (by = reader.text()) }));
      return { kind: "stop", of, graceMs, by };
    }
    case 4:
      return { kind: "revoke", of: readHeldMessage(reader) };
    case 5: {
      let refused = false;
      const of = reader.message(() => readHeld(reader, { 5: () => (refused = reader.flag()) }));
      return { kind: "accepted", of, refused };
    }
    case 6:
      reader.message(() => undefined);
      return { kind: "drain" };
    case 7: {
      let [id, answer] = [0, noBytes];
      reader.message(() => eachField(reader, { 1: () => (id = reader.number()), 2: () => (answer = reader.bytes()) }));
      return { kind: "blobsAnswered", id, answer };
    }
    case 8: {
      let lines = 0;
      const of = reader.message(() => readHeld(reader, { 5: () => (lines = reader.number()) }));
      return { kind: "linesKept", of, lines };
    }
    default:
      return null;
  }
}

function readWelcome(reader: ProtoReader): CoordinatorItem {
  let [protocol, version, leaseMs, beatMs, blobs] = [0, "", 0, 0, noBytes];
  eachField(reader, {
    1: () => (protocol = reader.number()),
    2: () => (version = reader.text()),
    3: () => (leaseMs = reader.number()),
    4: () => (beatMs = reader.number()),
    5: () => (blobs = reader.bytes()),
  });
  return { kind: "welcome", protocol, version, leaseMs, beatMs, blobs };
}

type FieldReaders = { readonly [field: number]: () => unknown };

function eachField(reader: ProtoReader, readers: FieldReaders): void {
  for (let field = reader.next(); field !== null; field = reader.next()) {
    readOther(reader, readers[field]);
  }
}

function readOther(reader: ProtoReader, read: (() => unknown) | undefined): void {
  if (read === undefined) reader.skip();
  else read();
}

function writeHeld(writer: ProtoWriter, held: Held): void {
  writer.text(1, held.run);
  writer.text(2, held.task);
  writer.number(3, held.attempt);
  writer.number(4, held.lease);
}

/** The four fields that name an assignment open every message about one; `others` reads what follows them. */
function readHeld(reader: ProtoReader, others: FieldReaders): Held {
  let [run, task, attempt, lease] = ["", "", 0, 0];
  for (let field = reader.next(); field !== null; field = reader.next()) {
    if (field === 1) run = reader.text();
    else if (field === 2) task = reader.text();
    else if (field === 3) attempt = reader.number();
    else if (field === 4) lease = reader.number();
    else readOther(reader, others[field]);
  }
  return { run, task, attempt, lease };
}

function readHeldMessage(reader: ProtoReader): Held {
  return reader.message(() => readHeld(reader, {}));
}

function writeLogText(writer: ProtoWriter, line: LogText): void {
  writer.number(1, streams.indexOf(line.stream));
  writer.double(2, line.atMs);
  writer.text(3, line.text);
}

function readLogText(reader: ProtoReader): LogText {
  let [number, atMs, text] = [0, 0, ""];
  eachField(reader, { 1: () => (number = reader.number()), 2: () => (atMs = reader.double()), 3: () => (text = reader.text()) });
  const stream = streams[number];
  if (stream === undefined) throw new WireError(`a log line names stream ${number}; there are 0 to ${streams.length - 1}`);
  return { stream, atMs, text };
}

function writeHello(writer: ProtoWriter, hello: Hello): void {
  writer.text(1, hello.worker);
  writer.text(2, hello.host);
  writer.number(3, hello.pid);
  writer.text(4, hello.version);
  writer.number(5, hello.protocol);
  writer.number(6, hello.slots);
  writer.double(7, hello.cpu);
  writer.double(8, hello.memoryMiB);
  writer.double(9, hello.gpu);
  for (const [name, value] of Object.entries(hello.labels)) {
    writer.message(10, () => {
      writer.text(1, name);
      writer.text(2, value);
    });
  }
  for (const held of hello.held) writer.message(11, () => writeHeld(writer, held));
  for (const run of hello.runs) writer.text(12, run);
  writer.text(13, hello.pool);
  writer.flag(14, hello.unbounded);
  writer.number(15, hello.oldestProtocol);
  const { launch } = hello;
  if (launch !== undefined) writer.message(16, () => writeClaim(writer, launch));
}

function writeClaim(writer: ProtoWriter, { launch, index, job }: LaunchClaim): void {
  writer.text(1, launch);
  writer.number(2, index);
  writer.text(3, job);
}

function readClaim(reader: ProtoReader): LaunchClaim {
  let [launch, index, job] = ["", 0, ""];
  eachField(reader, { 1: () => (launch = reader.text()), 2: () => (index = reader.number()), 3: () => (job = reader.text()) });
  return { launch, index, job };
}

function readHello(reader: ProtoReader): Hello {
  const labels: Record<string, string> = {};
  const held: Held[] = [];
  const runs: string[] = [];
  let launch: LaunchClaim | null = null;
  const told = {
    worker: "",
    host: "",
    pid: 0,
    version: "",
    protocol: 0,
    oldestProtocol: 0,
    slots: 0,
    cpu: 0,
    memoryMiB: 0,
    gpu: 0,
    pool: "",
    unbounded: false,
  };
  eachField(reader, {
    1: () => (told.worker = reader.text()),
    2: () => (told.host = reader.text()),
    3: () => (told.pid = reader.number()),
    4: () => (told.version = reader.text()),
    5: () => (told.protocol = reader.number()),
    6: () => (told.slots = reader.number()),
    7: () => (told.cpu = reader.double()),
    8: () => (told.memoryMiB = reader.double()),
    9: () => (told.gpu = reader.double()),
    10: () => reader.message(() => readLabel(reader, labels)),
    11: () => held.push(readHeldMessage(reader)),
    12: () => runs.push(reader.text()),
    13: () => (told.pool = reader.text()),
    14: () => (told.unbounded = reader.flag()),
    15: () => (told.oldestProtocol = reader.number()),
    16: () => (launch = reader.message(() => readClaim(reader))),
  });
  return { ...told, labels, held, runs, ...(launch !== null && { launch }) };
}

function readLabel(reader: ProtoReader, labels: Record<string, string>): void {
  let [name, value] = ["", ""];
  eachField(reader, { 1: () => (name = reader.text()), 2: () => (value = reader.text()) });
  labels[name] = value;
}

type Beat = Extract<WorkerItem, { kind: "beat" }>;

function writeBeat(writer: ProtoWriter, { held, load }: Beat): void {
  for (const one of held) writer.message(1, () => writeHeld(writer, one));
  if (load === undefined) return;
  writer.message(2, () => {
    writer.double(1, load.cpuShare);
    writer.double(2, load.usedMiB);
    writer.double(3, load.totalMiB);
  });
}

function readBeat(reader: ProtoReader): Beat {
  const held: Held[] = [];
  let load: MachineLoad | null = null;
  eachField(reader, { 1: () => held.push(readHeldMessage(reader)), 2: () => (load = reader.message(() => readLoad(reader))) });
  return { kind: "beat", held, ...(load !== null && { load }) };
}

function readLoad(reader: ProtoReader): MachineLoad {
  let [cpuShare, usedMiB, totalMiB] = [0, 0, 0];
  eachField(reader, { 1: () => (cpuShare = reader.double()), 2: () => (usedMiB = reader.double()), 3: () => (totalMiB = reader.double()) });
  return { cpuShare, usedMiB, totalMiB };
}
