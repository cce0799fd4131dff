// Writes docs/errors.md from the tables of error codes. A test keeps them together.

import { writeFileSync } from "node:fs";
import { errorReference } from "./error-reference.ts";

writeFileSync(new URL("../docs/errors.md", import.meta.url), errorReference());
