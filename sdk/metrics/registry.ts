// Numbers that a monitoring system reads, in the text format of Prometheus.
//
// M1. What is counted costs memory by the number of its series, and that is bounded: beyond `seriesMax` of a metric, label values that
//     were not seen before are counted together as `_other`.
// M2. A metric is there, with its help and its type, before anything is counted; one without labels has a value from the start.

export type MetricSpec = {
  readonly name: string;
  readonly kind: "counter" | "gauge" | "histogram";
  readonly help: string;
  readonly labels?: readonly string[];
  /** Upper bounds, rising, of a histogram. */
  readonly buckets?: readonly number[];
};

type Labels = Readonly<Record<string, string>>;

export type Counter = { add(labels?: Labels, by?: number): void };
/** Values that are set when somebody reads: all that was set before is forgotten then. */
export type Gauge = { set(value: number, labels?: Labels): void };
export type Histogram = { observe(value: number, labels?: Labels): void };

/** Combinations of label values of one metric. */
export const seriesMax = 500;
const other = "_other";

type Series = { readonly values: readonly string[]; value: number; readonly counts: number[]; sum: number };

class Metric implements Counter, Gauge, Histogram {
  readonly spec: MetricSpec;
  readonly #names: readonly string[];
  readonly #buckets: readonly number[];
  readonly #series = new Map<string, Series>();

  /** Set at each reading. */
  readonly isRead: boolean;

  constructor(spec: MetricSpec, isRead: boolean) {
    this.spec = spec;
    this.isRead = isRead;
    this.#names = spec.labels ?? [];
    this.#buckets = spec.buckets ?? [];
    if (this.#names.length === 0 && !isRead) this.#of({}); // M2
  }

  add(labels: Labels = {}, by = 1): void {
    this.#of(labels).value += by;
  }

  set(value: number, labels: Labels = {}): void {
    this.#of(labels).value = value;
  }

  observe(value: number, labels: Labels = {}): void {
    const series = this.#of(labels);
    const bucket = this.#buckets.findIndex((bound) => value <= bound);
    const index = bucket === -1 ? this.#buckets.length : bucket;
    series.counts[index] = (series.counts[index] ?? 0) + 1;
    series.sum += value;
  }

  clear(): void {
    this.#series.clear();
  }

  lines(): readonly string[] {
    const { name, kind, help } = this.spec;
    const head = [`# HELP ${name} ${escapeHelp(help)}`, `# TYPE ${name} ${kind}`];
    return [...head, ...[...this.#series.values()].flatMap((series) => this.#linesOf(series))];
  }

  #linesOf(series: Series): readonly string[] {
    const { name, kind } = this.spec;
    if (kind !== "histogram") return [`${name}${this.#labelText(series)} ${numberText(series.value)}`];
    let count = 0;
    const buckets = [...this.#buckets, Number.POSITIVE_INFINITY].map((bound, index) => {
      count += series.counts[index] ?? 0;
      return `${name}_bucket${this.#labelText(series, numberText(bound))} ${count}`;
    });
    return [
      ...buckets,
      `${name}_sum${this.#labelText(series)} ${numberText(series.sum)}`,
      `${name}_count${this.#labelText(series)} ${count}`,
    ];
  }

  #labelText({ values }: Series, le: string | null = null): string {
    const pairs = this.#names.map((name, index) => `${name}="${escapeLabel(values[index] ?? "")}"`);
    const all = le === null ? pairs : [...pairs, `le="${le}"`];
    return all.length === 0 ? "" : `{${all.join(",")}}`;
  }

  #of(labels: Labels): Series {
    const values = this.#names.map((name) => labels[name] ?? "");
    const key = values.join("\0");
    const known = this.#series.get(key);
    if (known !== undefined) return known;
    // M1
    if (values.length > 0 && this.#series.size >= seriesMax && values.some((value) => value !== other))
      return this.#of(Object.fromEntries(this.#names.map((name) => [name, other])));
    const series: Series = { values, value: 0, counts: [], sum: 0 };
    this.#series.set(key, series);
    return series;
  }
}

export class Registry {
  readonly #metrics: Metric[] = [];
  readonly #fills: (() => void | Promise<void>)[] = [];

  counter(spec: Omit<MetricSpec, "kind" | "buckets">): Counter {
    return this.#add({ ...spec, kind: "counter" });
  }

  gauge(spec: Omit<MetricSpec, "kind" | "buckets">): Gauge {
    return this.#add({ ...spec, kind: "gauge" }, true);
  }

  /** A counter that somebody else keeps. */
  readCounter(spec: Omit<MetricSpec, "kind" | "buckets">): Gauge {
    return this.#add({ ...spec, kind: "counter" }, true);
  }

  histogram(spec: Omit<MetricSpec, "kind"> & { readonly buckets: readonly number[] }): Histogram {
    return this.#add({ ...spec, kind: "histogram" });
  }

  /** Called before the numbers are read: sets the gauges. */
  onRead(fill: () => void | Promise<void>): void {
    this.#fills.push(fill);
  }

  get specs(): readonly MetricSpec[] {
    return this.#metrics.map(({ spec }) => spec);
  }

  async text(): Promise<string> {
    for (const metric of this.#metrics) if (metric.isRead) metric.clear();
    for (const fill of this.#fills) await fill();
    return `${this.#metrics.flatMap((metric) => metric.lines()).join("\n")}\n`;
  }

  #add(spec: MetricSpec, isRead = false): Metric {
    if (this.#metrics.some((known) => known.spec.name === spec.name)) throw new Error(`the metric ${spec.name} is there twice`);
    const metric = new Metric(spec, isRead);
    this.#metrics.push(metric);
    return metric;
  }
}

export const metricsContentType = "text/plain; version=0.0.4; charset=utf-8";

/** From `first` on, each `factor` times the one before. */
export function exponentialBuckets(first: number, factor: number, count: number): readonly number[] {
  return Array.from({ length: count }, (_, index) => Number((first * factor ** index).toPrecision(6)));
}

function numberText(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return "+Inf";
  if (value === Number.NEGATIVE_INFINITY) return "-Inf";
  return String(value);
}

function escapeHelp(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}

function escapeLabel(text: string): string {
  return escapeHelp(text).replaceAll('"', '\\"');
}
