import { existsSync } from "node:fs";

// Runs before every `bun test`. It imports nothing that has to be installed.
if (!existsSync(`${import.meta.dir}/../../node_modules`)) {
  process.stderr.write("The dependencies are not installed: run `bun install`, then this again.\n");
  process.exit(1);
}
