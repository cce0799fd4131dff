// `stepwell init`: a first flow that runs at once, and the compiler options that an editor needs for it.

import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { CliError, exitCodes, type ExitCode } from "../cli-error.ts";
import { printDocument, printLines, wantsJson, type Context } from "../context.ts";

const flow = `import { FlowSpec, parameter, step, type Inputs } from "stepwell";

/** Greets several people at once, and counts letters. */
export class HelloFlow extends FlowSpec {
  greeting = parameter.string({ default: "Hello", help: "how to greet" });
  declare people: string[];
  declare message: string;
  declare letters: number;

  @step start() {
    this.people = ["Ada", "Grace", "Katherine"];
    return this.next(this.greet, { foreach: "people" });
  }

  @step greet(person: string) {
    this.message = \`\${this.greeting}, \${person}!\`;
    console.log(this.message);
    return this.next(this.join);
  }

  @step join(inputs: Inputs<this>) {
    this.letters = inputs.map((input) => input.message.length).reduce((a, b) => a + b, 0);
    return this.next(this.end);
  }

  @step end() {
    console.log(\`\${this.letters} characters of greetings\`);
  }
}
`;

const compilerOptions = {
  target: "ES2024",
  module: "NodeNext",
  moduleResolution: "NodeNext",
  lib: ["ES2024", "ESNext.Decorators"],
  types: ["node"],
  strict: true,
  noEmit: true,
  allowImportingTsExtensions: true,
  skipLibCheck: true,
};

export function init(context: Context): Promise<ExitCode> {
  const folder = resolve(context.cwd, context.operands[0] ?? ".");
  const flowFile = join(folder, "hello.ts");
  if (existsSync(flowFile) && !context.options.flag("force")) {
    throw new CliError("conflict", `${shown(context, flowFile)} exists already`, {
      hint: "choose another folder, or overwrite it with --force",
    });
  }
  mkdirSync(folder, { recursive: true });
  writeFileSync(flowFile, flow);
  const written = [flowFile, ...writeMissing(join(folder, "tsconfig.json"), `${JSON.stringify({ compilerOptions }, null, 2)}\n`)];
  const ignored = writeMissing(join(folder, ".gitignore"), ".stepwell/\nnode_modules/\n");
  const files = [...written, ...ignored].map((file) => shown(context, file));
  if (wantsJson(context)) printDocument(context, { files });
  else
    printLines(
      context,
      context.quiet
        ? files
        : [...files.map((file) => `wrote ${file}`), "", ...nextLines(context, { folder, file: shown(context, flowFile) })],
    );
  return Promise.resolve(exitCodes.ok);
}

/** Never touches what is there. */
function writeMissing(file: string, text: string): readonly string[] {
  if (existsSync(file)) return [];
  writeFileSync(file, text);
  return [file];
}

function nextLines(context: Context, { folder, file }: { readonly folder: string; readonly file: string }): readonly string[] {
  const { paint } = context.terminal.out;
  return [
    "Next",
    `  ${paint.bold(`stepwell run ${file}`)}`,
    `  ${paint.bold(`stepwell run ${file} --greeting Servus`)}`,
    ...missingLines(folder),
  ];
}

/** What an editor needs to know the types, and does not find from the folder. */
function missingLines(folder: string): readonly string[] {
  const isMissing = (name: string) => !isInstalled(name, folder);
  return [
    ...(isMissing("@types/node") ? ["  npm install --save-dev @types/node    (for types in your editor)"] : []),
    ...(isMissing("stepwell") ? ["  for the types of stepwell in your editor, install its package in this folder, too"] : []),
  ];
}

/** Looks as Node and editors do: in `node_modules` of the folder and of those around it. */
function isInstalled(name: string, folder: string): boolean {
  const around = dirname(folder);
  return existsSync(join(folder, "node_modules", name, "package.json")) || (around !== folder && isInstalled(name, around));
}

function shown(context: Context, file: string): string {
  return relative(context.cwd, file);
}
