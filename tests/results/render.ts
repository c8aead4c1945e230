import { writeTables } from "./tables.ts";

const changed = await writeTables();
process.stdout.write(
  changed.length === 0
    ? "The tables are as the results in docs/results make them.\n"
    : `Written: ${changed.join(", ")}\n`,
);
