// Who is measured: one row of the table each. Versions are those of package.json.

export type System = {
  /** Of the package that package.json pins; null is Stepwell itself. */
  readonly package: string | null;
  readonly name: string;
  readonly program: string;
  readonly way: string;
  readonly server: ServerKind;
  readonly durability: string;
  readonly processes: string;
  readonly results: string;
  readonly fanLimit: FanLimit;
  readonly chainLimit: ChainLimit;
  /** No wider: a task costs a process, or the system takes no more steps. */
  readonly fanMax?: number;
};

export type ServerKind = "none" | "redis, always" | "redis, everysec" | "postgres" | "restate";

/** What no system of its kind can beat: the least that each of its tasks must do. */
export type FanLimit = "fresh process" | "kept process" | "socket" | "none";
export type ChainLimit = "sync, fresh process" | "sync, kept process" | "sync, socket" | "socket" | "sync";

const postgres = { server: "postgres", durability: "Postgres, each commit synced", processes: "no" } as const;
const bullmq = { package: "bullmq", program: "bullmq", results: "in Redis" } as const;
const stepwell = {
  package: null,
  program: "stepwell",
  server: "none",
  durability: "SQLite, synced",
  results: "artifacts, synced",
} as const;
const overSocket = { fanLimit: "socket", chainLimit: "sync, socket" } as const;
const kept = { processes: "kept", fanLimit: "kept process", chainLimit: "sync, kept process" } as const;

export const systems: readonly System[] = [
  { ...stepwell, ...kept, name: "Stepwell", way: "warm" },
  { ...stepwell, ...kept, name: "Stepwell, all started for each run", way: "runner" },
  {
    ...stepwell,
    name: "Stepwell, isolation: process",
    way: "process",
    processes: "one for each task",
    fanLimit: "fresh process",
    chainLimit: "sync, fresh process",
    fanMax: 100,
  },
  { ...bullmq, ...kept, name: "BullMQ, sandboxed", way: "sandboxed", server: "redis, always", durability: "Redis, always synced" },
  { ...bullmq, ...overSocket, name: "BullMQ", way: "inside", server: "redis, always", durability: "Redis, always synced", processes: "no" },
  {
    ...bullmq,
    name: "BullMQ",
    way: "inside",
    server: "redis, everysec",
    durability: "Redis, synced every second",
    processes: "no",
    fanLimit: "socket",
    chainLimit: "socket",
  },
  {
    ...overSocket,
    package: "@restatedev/restate-server",
    name: "Restate, steps",
    program: "restate",
    way: "steps",
    server: "restate",
    durability: "its log, synced",
    processes: "no",
    results: "in its journal",
  },
  {
    ...overSocket,
    package: "@restatedev/restate-server",
    name: "Restate, calls",
    program: "restate",
    way: "calls",
    server: "restate",
    durability: "its log, synced",
    processes: "no",
    results: "in its journal",
  },
  { ...postgres, ...overSocket, package: "@dbos-inc/dbos-sdk", name: "DBOS, steps", program: "dbos", way: "steps", results: "in Postgres" },
  {
    ...postgres,
    ...overSocket,
    package: "@dbos-inc/dbos-sdk",
    name: "DBOS, child workflows",
    program: "dbos",
    way: "children",
    results: "in Postgres",
  },
  {
    package: "openworkflow",
    name: "OpenWorkflow, steps",
    program: "openworkflow",
    way: "steps",
    server: "none",
    durability: "SQLite, synced",
    processes: "no",
    results: "in SQLite",
    fanLimit: "none",
    chainLimit: "sync",
    fanMax: 1000,
  },
  {
    ...postgres,
    ...overSocket,
    package: "graphile-worker",
    name: "Graphile Worker",
    program: "graphile-worker",
    way: "single",
    results: "no, and no join",
  },
  {
    ...postgres,
    ...overSocket,
    package: "graphile-worker",
    name: "Graphile Worker, batched",
    program: "graphile-worker",
    way: "batched",
    results: "no, and no join",
  },
];
