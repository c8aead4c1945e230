import { connectDatabase } from "@shop/database/connect";
import { createOutbox } from "@shop/messaging/outbox/outbox";
import { uuidV7 as ids } from "@shop/runtime/ids";
import { createMetrics } from "@shop/runtime/metrics";
import { ManualClock } from "@shop/testing/clock";
import { goingOn } from "@shop/testing/going-on";
import { capturedLogger } from "@shop/testing/logger";
import type { Participant } from "../define-service.ts";

interface Background {
  readonly begun: number;
  /** How many are not over after three hours. */
  readonly goOn: number;
}

/** Lets a participant's background work run while its database is unavailable. */
export async function backgroundDuringOutage({ background = [] }: Participant): Promise<Background> {
  const db = connectDatabase({ url: "postgres://nobody@127.0.0.1:1/none", applicationName: "under test" });
  const clock = new ManualClock();
  const outbox = createOutbox({ ids, clock, wakeRelay: () => {} });
  const parts = { db, clock, ids, outbox, logger: capturedLogger().logger, metrics: createMetrics() };
  const context = { ...parts, read: () => db, onHandled: () => {} };
  const stopping = new AbortController();
  const works = background.map((work) => work(context, stopping.signal));
  const goOn = await goingOn(clock, works);
  stopping.abort();
  await Promise.allSettled(works);
  await db.$client.end();
  return { begun: works.length, goOn };
}
