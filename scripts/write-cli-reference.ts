// Writes docs/cli.md from the table of commands. A test keeps the two together.

import { writeFileSync } from "node:fs";
import { cliReference } from "./cli-reference.ts";

writeFileSync(new URL("../docs/cli.md", import.meta.url), cliReference());
