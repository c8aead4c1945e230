import { afterAll, beforeAll, expect, test } from "bun:test";
import { sql } from "drizzle-orm";
import { integer, json, jsonb, pgTable } from "drizzle-orm/pg-core";
import { createEmptyDatabase, type TestDatabase } from "@shop/testing/database";
import { connectDatabase, type Database } from "./connect.ts";
import { jsonRows } from "./rows.ts";

const documents = pgTable("documents", { id: integer().primaryKey(), body: jsonb(), text: json() });
const body = { name: "O'Brien", quantity: 2, tags: ["a", '"b"'], address: { city: "Köln" } };

let database: TestDatabase;
let db: Database;

beforeAll(async () => {
  database = await createEmptyDatabase();
  db = connectDatabase({ url: database.url, applicationName: "jsonb", max: 2 });
  await db.execute(sql`create table documents (id integer primary key, body jsonb, text json)`);
});

afterAll(async () => {
  await db.$client.end();
  await database.drop();
});

/** Stored twice-encoded, an object would have the type `string`. */
async function typesOf(id: number): Promise<unknown> {
  const [row] = await db.execute(
    sql`select jsonb_typeof(body) as body, json_typeof(text) as text from documents where id = ${id}`,
  );
  return row;
}

async function bodyOf(id: number): Promise<unknown> {
  const [row] = await db
    .select({ body: documents.body })
    .from(documents)
    .where(sql`id = ${id}`);
  return row?.body;
}

test("a json or jsonb column of a drizzle table holds an object as an object", async () => {
  await db.insert(documents).values({ id: 1, body, text: body });
  expect(await typesOf(1)).toEqual({ body: "object", text: "object" });
  expect(await bodyOf(1)).toEqual(body);
});

test("a drizzle update of a jsonb column, within a transaction, writes an object", async () => {
  await db.insert(documents).values({ id: 2 });
  await db.transaction((tx) =>
    tx
      .update(documents)
      .set({ body, text: body })
      .where(sql`id = 2`),
  );
  expect(await typesOf(2)).toEqual({ body: "object", text: "object" });
  expect(await bodyOf(2)).toEqual(body);
});

test("JSON text as a parameter cast to jsonb or json is encoded once", async () => {
  await db.execute(
    sql`insert into documents values (3, ${JSON.stringify(body)}::jsonb, ${JSON.stringify(body)}::json)`,
  );
  expect(await typesOf(3)).toEqual({ body: "object", text: "object" });
  expect(await bodyOf(3)).toEqual(body);
});

test("JSON text as a parameter of the driver's own template is encoded once", async () => {
  await db.$client`insert into documents values (4, ${JSON.stringify(body)}::jsonb, ${JSON.stringify(body)}::json)`;
  expect(await typesOf(4)).toEqual({ body: "object", text: "object" });
  expect(await bodyOf(4)).toEqual(body);
});

test("rows passed as one json parameter come out as rows", async () => {
  await db.execute(sql`
    insert into documents (id, body, text)
    select id, body, to_json(body) from json_to_recordset(${jsonRows([
      { id: 5, body },
      { id: 6, body },
    ])}) as r(id integer, body jsonb)`);
  expect(await typesOf(6)).toEqual({ body: "object", text: "object" });
  expect(await bodyOf(5)).toEqual(body);
});
