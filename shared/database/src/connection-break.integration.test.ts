import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import postgres from "postgres";
import { createEmptyDatabase, type TestDatabase } from "@shop/testing/database";
import { endSession, pidOf } from "@shop/testing/sessions";
import { settled } from "@shop/testing/settled";

let database: TestDatabase;
let operator: postgres.Sql;

beforeAll(async () => {
  database = await createEmptyDatabase();
  operator = postgres(database.url, { max: 1 });
});

afterAll(async () => {
  await operator.end();
  await database.drop();
});

describe("a reserved connection whose session the server ends", () => {
  test("runs nothing more, and its release leaves the pool usable", async () => {
    const { promise: lost, resolve: noticeLoss } = Promise.withResolvers<void>();
    const pool = postgres(database.url, { max: 1, onclose: () => noticeLoss() });
    const reserved = await pool.reserve();
    await endSession(operator, await pidOf(reserved));
    await lost;
    const pid = await pidOf(pool);
    expect(await settled(reserved`select 1`)).toHaveProperty("code", "CONNECTION_CLOSED");
    reserved.release();
    expect(await settled(pidOf(pool))).toBe(pid);
    await pool.end();
  });

  test("leaves no statement of its own pending", async () => {
    const pool = postgres(database.url, { max: 1 });
    const reserved = await pool.reserve();
    const pid = await pidOf(reserved);
    const statements = [
      settled(reserved`select pg_sleep(${30}::int)`),
      settled(reserved`select 2`),
      settled(reserved`select 3`),
    ];
    await endSession(operator, pid);
    for (const statement of statements) expect(await statement).toHaveProperty("code");
    reserved.release();
    expect(await settled(pool`select 1 as one`)).toHaveLength(1);
    await pool.end();
  });

  test("gives the next one waiting its turn", async () => {
    const pool = postgres(database.url, { max: 1 });
    const first = await pool.reserve();
    const second = settled(pool.reserve());
    await endSession(operator, await pidOf(first));
    const reserved = await second;
    if (reserved instanceof Error) throw reserved;
    expect(await settled(reserved`select 1 as one`)).toHaveLength(1);
    reserved.release();
    await pool.end();
  });
});

test("a released connection takes no more statements from who had it", async () => {
  const pool = postgres(database.url, { max: 1 });
  const reserved = await pool.reserve();
  reserved.release();
  expect(await settled(reserved`select 1`)).toHaveProperty("code", "CONNECTION_RELEASED");
  reserved.release();
  expect(await settled(pool`select 1 as one`)).toHaveLength(1);
  await pool.end();
});

test("the first statement after a session was ended does not get the old session's error", async () => {
  const { promise: lost, resolve: noticeLoss } = Promise.withResolvers<void>();
  const pool = postgres(database.url, { max: 1, onclose: () => noticeLoss() });
  const pid = await pidOf(pool);
  const interrupted = settled(pool`select pg_sleep(${30}::int)`);
  await endSession(operator, pid);
  expect(await interrupted).toBeInstanceOf(Error);
  await lost;
  expect(await settled(pool`select 1 as one`)).toHaveLength(1);
  await pool.end();
});

test("a statement that cannot be sent fails alone, whatever else is under way on its connection", async () => {
  const pool = postgres(database.url, { max: 1 });
  await pool`select 1`;
  const before = settled(pool`select 1 as one, pg_sleep(0.01)`);
  const faulty = settled(
    pool.unsafe(
      "select $1",
      Array.from({ length: 65_535 }, () => 1),
    ),
  );
  const after = [settled(pool`select 2 as two`), settled(pool`select 3 as three`)];
  expect(await faulty).toHaveProperty("code", "MAX_PARAMETERS_EXCEEDED");
  expect(await before).toMatchObject([{ one: 1 }]);
  expect(await Promise.all(after)).toMatchObject([[{ two: 2 }], [{ three: 3 }]]);
  await pool.end();
});

test("a server that closes each connection at once makes a statement fail", async () => {
  const server = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: { open: (socket) => void socket.end(), data: () => undefined },
  });
  const pool = postgres({ host: "127.0.0.1", port: server.port, max: 1 });
  expect(await settled(pool`select 1`)).toHaveProperty("code", "CONNECTION_CLOSED");
  await pool.end();
  server.stop(true);
});
