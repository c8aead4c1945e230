import { auditCommands } from "./audit.ts";
import type { Command } from "./command.ts";
import { deadLetterCommands } from "./dead-letters.ts";
import { healthCommands } from "./health.ts";
import { orderCommands } from "./orders.ts";
import { personalDataCommands } from "./personal-data.ts";
import { sagaCommands } from "./sagas.ts";
import { userCommands } from "./users.ts";
import { webhookCommands } from "./webhooks.ts";
import { whyCommands } from "./why.ts";
import { bulkCommands } from "./bulk.ts";

/** What an operator can do, in the order in which the help tells it. */
export const commands: readonly Command[] = [
  ...healthCommands,
  ...orderCommands,
  ...whyCommands,
  ...sagaCommands,
  ...deadLetterCommands,
  ...bulkCommands,
  ...webhookCommands,
  ...userCommands,
  ...personalDataCommands,
  ...auditCommands,
];
