import { participants, type ParticipantName, services, type Topic } from "../services.ts";
import { allMessages } from "./registry.ts";

/** What a service does with the topics. */
export interface TopicAccess {
  readonly service: ParticipantName;
  readonly writes: readonly Topic[];
  readonly reads: readonly Topic[];
}

/** What each service that takes part in the messaging has to do with the topics: it writes those of the messages that it sends, and reads what it consumes. */
export const topicAccess: readonly TopicAccess[] = participants.map((service) => ({
  service,
  writes: [...new Set(allMessages.filter(({ sender }) => sender === service).map(({ topic }) => topic))],
  reads: services[service].topics.reads,
}));
