import type { Topic } from "@shop/contracts/services";

/** Names as Kafka knows them, and back. */
export interface Naming {
  readonly topic: (topic: Topic) => string;
  readonly topicOf: (name: string) => Topic;
  readonly group: (groupId: string) => string;
}

/** Names that all begin with a prefix, so that several systems can share one Kafka. */
export function prefixed(prefix: string): Naming {
  return {
    topic: (topic) => prefix + topic,
    topicOf: (name) => name.slice(prefix.length) as Topic,
    group: (groupId) => prefix + groupId,
  };
}
