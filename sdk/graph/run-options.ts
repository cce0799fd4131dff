// Options of `stepwell run`, which parameters of a flow share its command line with.

export const runOptions: readonly string[] = [
  "color",
  "config",
  "detach",
  "dry-run",
  "fail-fast",
  "help",
  "isolation",
  "json",
  "local",
  "log-level",
  "logs",
  "max-splits",
  "max-workers",
  "namespace",
  "no-color",
  "no-fail-fast",
  "only",
  "open",
  "output",
  "params",
  "profile",
  "quiet",
  "run-id-file",
  "server",
  "tag",
  "timeout",
  "tz",
  "verbose",
  "version",
  "with",
  "yes",
];

const byPlainName = new Map(runOptions.map((option) => [plain(option), option]));

/** `maxWorkers` and `max_workers` both read like `--max-workers`. */
export function optionClashingWith(parameter: string): string | null {
  return byPlainName.get(plain(parameter)) ?? null;
}

function plain(name: string): string {
  return name.toLowerCase().replaceAll(/[-_]/g, "");
}
