import type { Broker, RecordToPublish } from "@shop/messaging/broker";
import { ask, type BrokerEnvironment } from "./request.ts";
import { simulatedSubscription } from "./subscription.ts";

/** The broker as one process has it, at the seam where otherwise Kafka's client is. */
export function simulatedBroker(around: BrokerEnvironment): Broker {
  const { kafka, scheduler, process, injector } = around;
  let wipesSeen = kafka.wipes;

  /** As if a record had been published later than those that came after it: what Kafka never does, and readers bear. */
  function isHeldBack(record: RecordToPublish): boolean {
    const ms = injector.lateByMs();
    if (ms === 0) return false;
    kafka.held += 1;
    kafka.late.add(record.value);
    const { wipes } = kafka;
    scheduler.after(ms, undefined, `late: ${record.topic}/${record.key.slice(-6)}`, () => {
      kafka.held -= 1;
      kafka.wasFilledByLate ||= kafka.wipes > wipes;
      kafka.append([record]);
    });
    return true;
  }

  return {
    publish: (records) =>
      ask(
        around,
        "publish",
        `publishes ${records.map(({ topic, key }) => `${topic}/${key.slice(-6)}`).join(" ")}`,
        (fate) => {
          // A batch that was not acknowledged may have come as far as anywhere.
          if (wipesSeen < kafka.wipes && records.some((record) => kafka.hasLost(record)))
            kafka.wasPublishedUnaware = true;
          const part = fate === "unanswered" ? Math.ceil(scheduler.random() * records.length) : records.length;
          if (part < records.length) scheduler.note(`${process.name}: … ${part} of ${records.length}`);
          return kafka.append(records.slice(0, part).filter((record) => !isHeldBack(record)));
        },
      ),
    endOffsets: (topics) =>
      ask(around, undefined, "", () => {
        wipesSeen = kafka.wipes;
        return kafka.ends(topics);
      }),
    lag: ({ groupId, topics }) => ask(around, undefined, "", () => kafka.lag(groupId, topics)),
    subscribe: (options) => simulatedSubscription(around, options),
    ping: () => ask(around, undefined, "", () => undefined),
    close: () => Promise.resolve(),
  };
}
