import { expect, test } from "bun:test";
import { join } from "node:path";
import { REPOSITORY } from "./repository.ts";

/** What keeps rows and parameters out of PostgreSQL's own log, by the setting's name. */
const SETTINGS = {
  log_error_verbosity: "terse",
  log_parameter_max_length: "0",
  log_parameter_max_length_on_error: "0",
};
/** Where servers are set up, and how each file writes a setting. */
const SERVERS: readonly (readonly [string, (name: string, value: string) => string])[] = [
  ["compose.yaml", (name, value) => `--${name}=${value}`],
  ["deploy/kubernetes/local/database/database.yaml", (name, value) => `--${name}=${value}`],
  ["deploy/terraform/databases.tf", (name, value) => `name  = "${name}"\n    value = "${value}"`],
  ["deploy/local/src/postgres.ts", (name, value) => `${name}: "${value}"`],
];

test.each([...SERVERS])("the servers of %s write no row and no parameter into their log", async (path, written) => {
  const text = await Bun.file(join(REPOSITORY, path)).text();
  expect(Object.entries(SETTINGS).filter(([name, value]) => !text.includes(written(name, value)))).toEqual([]);
});
