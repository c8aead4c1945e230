import { allMessages } from "@shop/contracts/messages/registry";
import { connectDatabase } from "@shop/database/connect";
import { createOutbox } from "@shop/messaging/outbox/outbox";
import { uuidV7 as ids } from "@shop/runtime/ids";
import { createMetrics } from "@shop/runtime/metrics";
import { ManualClock } from "@shop/testing/clock";
import { capturedLogger } from "@shop/testing/logger";
import type { Participant } from "../define-service.ts";

/** The messages that somebody handles, and the topics that they read for it. */
interface Reception {
  readonly types: readonly string[];
  readonly topics: readonly string[];
}

/** What a participant does. Its handlers are built and asked for their types; nothing is connected. */
export async function receptionOf(participant: Participant): Promise<Reception> {
  const db = connectDatabase({ url: "postgres://nobody@127.0.0.1:1/none", applicationName: "under test" });
  const clock = new ManualClock();
  const context = {
    ...{
      db,
      clock,
      ids,
      logger: capturedLogger().logger,
      metrics: createMetrics(),
      outbox: createOutbox({ ids, clock, wakeRelay: () => {} }),
    },
    ...{ read: () => db, onHandled: () => {} },
  };
  const { types } = participant.messaging.handlers(context);
  await db.$client.end();
  return { types: [...types].toSorted(), topics: participant.messaging.topics.toSorted() };
}

/** What the contract, and with it the AsyncAPI document, says of a participant. */
export function receptionInContract({ name }: Participant): Reception {
  const received = allMessages.filter(({ receivers }) => receivers.includes(name));
  return {
    types: received.map(({ type }) => type).toSorted(),
    topics: [...new Set(received.map(({ topic }) => topic))].toSorted(),
  };
}
