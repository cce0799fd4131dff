// Parameters that don't fit their flow. The cases are in parameters.golden.txt.

import { Folder, testCases } from "./case.ts";

const folder = new Folder();
folder.write(
  "flow.ts",
  `import { FlowSpec, parameter, step } from "stepwell";
export class TrainFlow extends FlowSpec {
  rate = parameter.number({ default: 0.1, help: "learning rate" });
  depth = parameter.integer({ default: 3, validate: (depth) => (depth > 0 ? null : "a tree has a depth") });
  kind = parameter.string({ default: "gini", choices: ["gini", "entropy"] });
  deep = parameter.boolean({ default: false });
  extra = parameter.json({ default: {} });
  notes = parameter.file();
  token = parameter.string({ default: "", secret: true, choices: ["", "sesame"] });
  @step start() { return this.next(this.end); }
  @step end() {}
}
export class NullFlow extends FlowSpec {
  notes = parameter.file({ default: null as never });
  @step start() { return this.next(this.end); }
  @step end() {}
}
export class NeedyFlow extends FlowSpec {
  asker = parameter.string({ required: true, help: "who asks" });
  @step start() { return this.next(this.end); }
  @step end() {}
}
`,
);
testCases("parameters.golden.txt", folder);
