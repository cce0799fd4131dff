// The stack's template, which comes with this package, and what can be read off its text without a parser of YAML.

import { existsSync, readFileSync } from "node:fs";
import { CliError } from "../cli-error.ts";
import { didYouMean } from "../format/suggestion.ts";

/** Two folders above the source, three above the built files. */
export function packagedTemplate(): string {
  const beside = new URL("../../deploy/aws/stepwell.yaml", import.meta.url);
  return readFileSync(existsSync(beside) ? beside : new URL("../../../deploy/aws/stepwell.yaml", import.meta.url), "utf8");
}

export function parameterNames(template: string): readonly string[] {
  const [, section = ""] = /^Parameters:\n((?:(?: .*)?\n)+)/m.exec(template) ?? [];
  return [...section.matchAll(/^ {2}(\w+):/gm)].map(([, name = ""]) => name);
}

/** What is kept when a stack goes, no more: with another mark, without which CloudFormation sees no change. */
export function withoutKeeping(template: string): string {
  return template
    .replaceAll(/^( +)DeletionPolicy: Retain\w*$/gm, "$1DeletionPolicy: Delete")
    .replaceAll(/^( +)Metadata: \{ Data: kept \}$/gm, "$1Metadata: { Data: deleted }");
}

/** `--set NAME=VALUE`. @throws CliError badValue */
export function parseGiven(words: readonly string[], known: readonly string[]): ReadonlyMap<string, string> {
  return new Map(
    words.map((word) => {
      const at = word.indexOf("=");
      const name = word.slice(0, at);
      if (at < 1) throw new CliError("badValue", `--set expects NAME=VALUE, not "${word}"`);
      if (known.includes(name)) return [name, word.slice(at + 1)] as const;
      throw new CliError("badValue", `--set ${name}: the stack has no such parameter`, {
        hint: didYouMean(name, known) ?? `parameters: ${known.join(", ")}`,
      });
    }),
  );
}
