// Command lines that make no sense. The cases are in command-line.golden.txt.

import { Folder, testCases } from "./case.ts";

const folder = new Folder();
folder.write(
  "flow.ts",
  `import { FlowSpec, step } from "stepwell";
export class GoodFlow extends FlowSpec {
  @step start() { return this.next(this.end); }
  @step end() {}
}
`,
);
folder.write("folder.ts/inside.txt", "");
testCases("command-line.golden.txt", folder);
