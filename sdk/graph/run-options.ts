// Options of `stepwell run` and `stepwell resume`, which parameters of a flow share their command lines with; `detach` and
// `server` are kept free for runs elsewhere.

const runOptions: readonly string[] = [
  "color",
  "config",
  "detach",
  "dry-run",
  "fail-fast",
  "file",
  "help",
  "in-place",
  "isolation",
  "json",
  "log-level",
  "logs",
  "max-splits",
  "max-workers",
  "namespace",
  "no-color",
  "no-fail-fast",
  "output",
  "params",
  "priority",
  "quiet",
  "rerun-caught",
  "run-id-file",
  "server",
  "tag",
  "timeout",
  "tz",
  "verbose",
  "version",
  "with",
];

const byPlainName = new Map(runOptions.map((option) => [plain(option), option]));

/** `maxWorkers` and `max_workers` both read like `--max-workers`. */
export function optionClashingWith(parameter: string): string | null {
  return byPlainName.get(plain(parameter)) ?? null;
}

function plain(name: string): string {
  return name.toLowerCase().replaceAll(/[-_]/g, "");
}
