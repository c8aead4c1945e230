import { afterAll, beforeAll, expect, test } from "bun:test";
import { connectDatabase, type Database } from "@shop/database/connect";
import { inTransaction } from "@shop/database/transaction";
import { uuidV7 } from "@shop/runtime/ids";
import { type ParticipantUnderTest, participantUnderTest } from "@shop/service/testing/participant-under-test";
import { createTestDatabase, type TestDatabase } from "@shop/testing/database";
import { eventually } from "@shop/testing/eventually";
import { sql } from "drizzle-orm";
import { deliveryService } from "./service.ts";
import { admin, cancel, create, rider } from "./testing/deliveries-under-test.ts";

let database: TestDatabase;
let operator: Database;
let service: ParticipantUnderTest;
beforeAll(async () => {
  database = await createTestDatabase({ service: "delivery" });
  operator = connectDatabase({ url: database.url, applicationName: "operator" });
  service = await participantUnderTest(deliveryService, database.url);
}, 120_000);
afterAll(async () => {
  await service.close();
  await operator.$client.end();
  await database.drop();
});

const headersOf = (role: "rider" | "admin") => service.as(role, role === "rider" ? rider : admin);

async function ask(method: string, path: string, role: "rider" | "admin" = "admin"): Promise<Response> {
  return service.app.request(`/api/deliveries${path}`, { method, headers: await headersOf(role) });
}

test("while a column's type is changed every call and every message is answered as before", async () => {
  const statuses: string[] = [];
  const journey = async () => {
    const [orderId, other] = [uuidV7(), uuidV7()];
    await service.receive(create(orderId), create(other));
    const list = await ask("GET", `?orderId=${orderId}`);
    const { items } = (await list.json()) as { items: readonly { id: string }[] };
    const id = items[0]?.id;
    statuses.push(`list ${list.status}`);
    for (const [method, path] of [
      ["PUT", `/${id}/claim`],
      ["DELETE", `/${id}/claim`],
      ["GET", `/${id}`],
      ["PUT", `/${id}/complete`],
    ] as const)
      statuses.push(`${method} ${(await ask(method, path, "rider")).status}`);
    await service.receive(cancel(other));
  };
  await Promise.all(Array.from({ length: 8 }, journey));
  let goesOn = true;
  const load = Array.from({ length: 4 }, async () => {
    while (goesOn) await journey();
  });
  for (const type of ["varchar(600)", "text", "varchar(700)", "text"]) {
    await operator.execute(sql.raw(`alter table delivery alter column delivery_address type ${type}`));
    await journey();
  }
  goesOn = false;
  await Promise.all(load);
  expect([...new Set(statuses)].toSorted()).toEqual(["DELETE 200", "GET 200", "PUT 200", "list 200"]);
  expect(await operator.execute(sql`select cause, detail from dead_letter`)).toHaveLength(0);
}, 120_000);

/** Keeps everybody from the table until it is called. */
async function lockTable(): Promise<() => Promise<void>> {
  const [locked, release] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const holding = inTransaction(operator, async (tx) => {
    await tx.execute(sql`set local idle_in_transaction_session_timeout = 0`);
    await tx.execute(sql`lock table delivery`);
    locked.resolve();
    await release.promise;
  });
  await locked.promise;
  return async () => {
    release.resolve();
    await holding;
  };
}

const reading = () =>
  operator.execute(sql`
  select query from pg_stat_activity where application_name = 'under test, reads' and state = 'active'`);

test.each(["its time is over", "its caller has left"])(
  "a list leaves no statement behind in the database when %s",
  async (why) => {
    const release = await lockTable();
    const caller = new AbortController();
    const answer = service.app.request("/api/deliveries?status=FAILED", {
      headers: await headersOf("rider"),
      signal: caller.signal,
    });
    await eventually(async () => expect(await reading()).toHaveLength(1));
    if (why === "its time is over") await service.clock.advance(1_500);
    else caller.abort();
    expect((await answer).status).toBe(503);
    await eventually(async () => expect(await reading()).toHaveLength(0));
    await release();
    expect((await ask("GET", "?status=FAILED", "rider")).status).toBe(200);
  },
  120_000,
);
