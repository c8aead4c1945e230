import { expect, test } from "bun:test";
import { connectDatabase } from "@shop/database/connect";
import { postgresDriver } from "@shop/database/driver";
import { uuidV7 as ids } from "@shop/runtime/ids";
import { createMetrics } from "@shop/runtime/metrics";
import { ManualClock } from "@shop/testing/clock";
import { goingOn } from "@shop/testing/going-on";
import { capturedLogger } from "@shop/testing/logger";
import { byType } from "./inbox/handlers.ts";
import { watchBlockedKeys } from "./dead-letters/blocked-keys-watch.ts";
import { createInFlightMarker, watchForCrashes } from "./inbox/in-flight.ts";
import { createOutbox } from "./outbox/outbox.ts";
import { watchOutboxAge } from "./outbox/outbox-age.ts";
import { defaultRetention, purgeUntil } from "./purge.ts";
import { createReplay } from "./dead-letters/replay.ts";

test("what runs beside the messages goes on, however often it finds the database away", async () => {
  // Nobody listens there.
  const databaseUrl = "postgres://nobody@127.0.0.1:1/none";
  const db = connectDatabase({ url: databaseUrl, applicationName: "test" });
  const clock = new ManualClock();
  const { logger } = capturedLogger();
  const metrics = createMetrics();
  const replay = createReplay({
    ...{ db, clock, handlers: byType(), outbox: createOutbox({ ids, clock, wakeRelay: () => {} }) },
    onHandled: () => {},
  });
  const marker = createInFlightMarker({ databaseUrl, driver: postgresDriver, processId: ids(), logger });
  const stopping = new AbortController();
  const works = [
    purgeUntil(stopping.signal, { db, clock, logger, retention: defaultRetention }),
    watchOutboxAge(stopping.signal, { db, clock, logger, metrics }),
    watchBlockedKeys(stopping.signal, { db, replay, clock, logger, metrics }),
    watchForCrashes(stopping.signal, { marker, clock, logger }),
  ];
  expect(await goingOn(clock, works)).toBe(works.length);
  stopping.abort();
  await Promise.all(works);
  await Promise.all([db.$client.end(), marker.close()]);
});
