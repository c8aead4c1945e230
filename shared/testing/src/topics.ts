import { randomBytes } from "node:crypto";

/** For `TOPIC_PREFIX`: sets one test's topics and consumer groups apart from all others on the same broker. */
export function uniqueTopicPrefix(): string {
  return `t${randomBytes(6).toString("hex")}.`;
}
