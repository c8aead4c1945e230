import { join } from "node:path";
import { parseArgs } from "node:util";
import { REPOSITORY } from "../repository.ts";
import { incompatibilities } from "./compatible.ts";
import { currentMessages, readReleased, RELEASED_FILE } from "./released.ts";

/** Records the messages as they are now, for the next release to be compared with. */
const { values } = parseArgs({ options: { "allow-incompatible": { type: "boolean", default: false } } });
const current = currentMessages();
const problems = incompatibilities(await readReleased(), current);

if (problems.length > 0 && !values["allow-incompatible"]) {
  process.stderr.write(`${problems.join("\n")}\n
Replicas of the last release could not work beside this one. docs/messages.md says how to change a message in steps.
When nothing of the last release runs any more and its messages have left the topics: --allow-incompatible.
`);
  process.exit(1);
}
await Bun.write(join(REPOSITORY, RELEASED_FILE), `${JSON.stringify(current, null, 2)}\n`);
process.stdout.write(`${Object.keys(current).length} messages are written down in ${RELEASED_FILE}\n`);
