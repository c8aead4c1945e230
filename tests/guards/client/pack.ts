import { resolve } from "node:path";
import { buildClientPackage } from "./package.ts";

/** Builds `@shop/client` into the folder that is named: what `npm pack FOLDER` and `npm publish FOLDER` take. */
const [folder, ...rest] = process.argv.slice(2);
if (folder === undefined || rest.length > 0) {
  process.stderr.write("usage: bun run pack:client FOLDER\nFOLDER does not exist yet, or is empty.\n");
  process.exit(2);
}
try {
  await buildClientPackage(resolve(folder));
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
process.stdout.write(`@shop/client is in ${folder}; next: npm pack ${resolve(folder)}\n`);
