// Flows that cannot run: what keeps their file from being read, and one case of each kind of check. All rules of the
// check have their examples in sdk/graph/problems.golden.txt. The cases are in flows.golden.txt.

import { Folder, testCases } from "./case.ts";

testCases("flows.golden.txt", new Folder());
