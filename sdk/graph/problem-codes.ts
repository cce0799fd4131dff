// Every rule that a flow is checked against, by code. Numbers are never used twice: 10xx the graph, 11xx artifacts,
// 12xx decorators, 13xx parameters, 14xx the code package.

export type Severity = "error" | "warning";

type ProblemRule = { readonly severity: Severity; readonly rule: string };

const error = (rule: string): ProblemRule => ({ severity: "error", rule });
const warning = (rule: string): ProblemRule => ({ severity: "warning", rule });

export const problemCodes = {
  SW1001: error("a flow has a step named start"),
  SW1002: error("a flow has a step named end"),
  SW1003: error("a step's name is letters, digits and _, starts with a letter, and is not reserved"),
  SW1004: error("every step but end goes on with this.next(...)"),
  SW1005: error("a step calls this.next once"),
  SW1006: error("this.next is the last statement of a step, and is returned"),
  SW1007: error("every step can be reached from start"),
  SW1008: error("no path of a step ends before its this.next"),
  SW1009: error("this.next has one of its documented forms"),
  SW1010: error("this.next leads to steps of the flow"),
  SW1011: error("steps form no loop"),
  SW1012: error("nothing leads back to start"),
  SW1013: error("end has no transition"),
  SW1014: error("end is no join"),
  SW1015: error("start takes no argument"),
  SW1016: error("a step takes at most one argument"),
  SW1017: error("every split is joined before end"),
  SW1018: error("a join has a split to collect"),
  SW1019: error("a join collects all branches of its split"),
  SW1020: error("a join collects the branches of one split only"),
  SW1021: error("a split has one join"),
  SW1022: error("a foreach has a step before its join"),
  SW1023: error("a branch has a step before its join"),
  SW1024: error("a case of a switch has a step before a join"),
  SW1025: error("a switch has two cases or more"),
  SW1026: error("a step that branches share is their join"),
  SW1027: error("a step is reached at one depth of splits"),
  SW1028: error("a step that takes an element is reached by foreach only"),
  SW1029: error("a branch names a step once"),
  SW1030: error("the text of a step can be read"),
  SW1101: error("an artifact is set before it is read"),
  SW1102: error("the artifact of a foreach or a switch is set before"),
  SW1103: error("parameters and constants are not assigned"),
  SW1104: error("artifacts don't use the names of steps, methods and of every flow"),
  SW1105: error("a join inherits no artifacts"),
  SW1106: error("a constant can be kept"),
  SW1107: warning("the join of a foreach finds artifacts from before it only where it was empty"),
  SW1108: error("mergeArtifacts is called in joins"),
  SW1201: error("options of decorators are valid"),
  SW1202: error("a step that fans out or switches is not caught"),
  SW1301: error("parameters are declared well"),
  SW1302: error("names of parameters differ in more than upper and lower case"),
  SW1303: error("names of parameters differ from the options of the command"),
  SW1401: error("the flow's file and its imports can be read"),
  SW1402: error("native modules are not part of a flow's code"),
  SW1403: error("a flow's modules have no top-level await"),
  SW1404: error("a flow's code does not depend on where its file is"),
  SW1405: error("the flow's file loads"),
  SW1406: error("the flow's file exports a flow"),
  SW1407: error("the flow to run is known"),
  SW1408: error("decorators are the standard ones"),
  SW1409: warning("the bundler has no objection"),
  SW1410: error("a flow's name is letters, digits and _, and starts with a letter"),
} as const satisfies Record<string, ProblemRule>;

export type ProblemCode = keyof typeof problemCodes;
