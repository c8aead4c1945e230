import type { Broker } from "@shop/messaging/broker";
import { ask, type BrokerSurroundings } from "./request.ts";
import { simulatedSubscription } from "./subscription.ts";

/** The broker as one process has it, at the seam where otherwise Kafka's client is. */
export function simulatedBroker(around: BrokerSurroundings): Broker {
  const { kafka, scheduler, process } = around;
  return {
    publish: (records) =>
      ask(
        around,
        "publish",
        `publishes ${records.map(({ topic, key }) => `${topic}/${key.slice(-6)}`).join(" ")}`,
        (fate) => {
          // A batch that was not acknowledged may have come as far as anywhere.
          const part = fate === "unanswered" ? Math.ceil(scheduler.random() * records.length) : records.length;
          if (part < records.length) scheduler.note(`${process.name}: … ${part} of ${records.length}`);
          return kafka.append(records.slice(0, part));
        },
      ),
    endOffsets: (topics) => ask(around, undefined, "", () => kafka.ends(topics)),
    lag: ({ groupId, topics }) => ask(around, undefined, "", () => kafka.lag(groupId, topics)),
    subscribe: (options) => simulatedSubscription(around, options),
    ping: () => ask(around, undefined, "", () => undefined),
    close: () => Promise.resolve(),
  };
}
