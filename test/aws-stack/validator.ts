// AWS' own validator, which knows the schema of every resource, as one function.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { RegoEngine, TemplateFile } from "@aws/cloudformation-validate";
import { temporaryFolder } from "../command.ts";
import type { Parameters } from "./template.ts";

/** Advice that is decided otherwise here: names of alarms, of stateful resources, and of log classes. */
const ids = ["I9001", "I9003", "I9040"];

export class Validator implements Disposable {
  readonly #engine = new RegoEngine();
  readonly #folder = temporaryFolder();

  /** What is wrong; nothing where all is well. */
  problems(text: string, parameters: Parameters = {}): readonly string[] {
    const path = join(this.#folder.path, "template.yaml");
    writeFileSync(path, text);
    const { status, diagnostics } = this.#engine.validateStandard(new TemplateFile(path), {
      strict: true,
      exclude: { ids },
      parameterOverrides: { ...parameters },
      pseudoParameterOverrides: { region: "eu-west-1" },
    });
    const serious = diagnostics.filter(({ severity }) => severity !== "INFO" && severity !== "DEBUG");
    const problems = serious.map(({ ruleId, message, propertyPath }) => `${ruleId} ${propertyPath ?? ""}: ${message}`);
    return status === "OK" || problems.length > 0 ? problems : [`it cannot be validated: ${status}`];
  }

  [Symbol.dispose](): void {
    this.#engine.free();
    this.#folder[Symbol.dispose]();
  }
}
