// Settings that cannot be used. The cases are in settings.golden.txt.

import { Folder, testCases } from "./case.ts";

testCases("settings.golden.txt", new Folder());
