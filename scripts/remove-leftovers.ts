// Removes from dist/ what the compiler made of sources that are no longer there: it never does so itself, and the package
// would ship it.

import { existsSync, globSync, rmSync } from "node:fs";

for (const file of globSync("dist/**/*.{js,d.ts}")) {
  const source = file.replace(/^dist\//, "").replace(/(\.d\.ts|\.js)$/, ".ts");
  if (!existsSync(source)) rmSync(file);
}
