import { expect, test } from "bun:test";
import { createTestDatabase } from "@shop/testing/database";
import { linkToDatabase } from "@shop/testing/link";
import { settled } from "@shop/testing/settled";
import { postgresDriver } from "@shop/database/driver";
import { systemClock } from "@shop/runtime/clock";
import { openRelaySession } from "./relay-session.ts";

const common = { driver: postgresDriver, clock: systemClock };

test("a session whose link is cut without a word is given up within seconds, and another one can lead", async () => {
  const database = await createTestDatabase({ service: "orchestrator" });
  const link = await linkToDatabase(database.url);
  const session = openRelaySession({ ...common, databaseUrl: link.through(database.url) });
  expect(await session.tryToLead()).toBe(true);
  link.cut();
  expect(await settled(session.markAndRead({ ids: [], ends: [] }, 1, []), 20_000)).toMatchObject({
    message: expect.stringContaining("not answered"),
  });
  expect(session.holds()).toBe(false);
  expect(await settled(session.close())).toBeUndefined();
  const next = openRelaySession({ ...common, databaseUrl: database.url });
  expect(await next.tryToLead()).toBe(true);
  await next.close();
  link.close();
  await database.drop();
}, 60_000);
