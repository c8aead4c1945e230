import { expect, test } from "bun:test";
import { serviceNames } from "@shop/contracts/services";
import { createTestDatabase } from "@shop/testing/database";
import { readdirSync } from "node:fs";
import postgres from "postgres";

/** What of a snapshot of drizzle-kit is looked at here. */
interface Snapshot {
  readonly tables: Readonly<Record<string, Table>>;
}
type Named = Readonly<Record<string, { readonly name: string }>>;
interface Table {
  readonly name: string;
  readonly columns: Readonly<Record<string, { readonly name: string; readonly notNull: boolean }>>;
  readonly indexes: Readonly<Record<string, { readonly name: string; readonly isUnique: boolean }>>;
  readonly foreignKeys: Named;
  readonly uniqueConstraints: Named;
  readonly checkConstraints: Named;
}

const root = `${import.meta.dir}/../../..`;

/** What the newest snapshot of an owner's migrations promises, each rule by its name. */
async function promised(owner: string): Promise<readonly string[]> {
  const folder = `${root}/${owner}/migrations/meta`;
  const newest = readdirSync(folder)
    .filter((file) => file.endsWith("_snapshot.json"))
    .toSorted()
    .at(-1);
  const { tables } = (await Bun.file(`${folder}/${newest}`).json()) as Snapshot;
  return Object.values(tables).flatMap((table) => [
    ...Object.values(table.columns).map(
      ({ name, notNull }) => `${table.name}.${name}${notNull ? " is never null" : ""}`,
    ),
    ...Object.values(table.indexes).map(({ name, isUnique }) => `${isUnique ? "unique index" : "index"} ${name}`),
    ...Object.values(table.uniqueConstraints).map(({ name }) => `unique index ${name}`),
    ...Object.values({ ...table.checkConstraints, ...table.foreignKeys }).map(({ name }) => `constraint ${name}`),
  ]);
}

/** What a database has of these. */
async function found(url: string): Promise<readonly string[]> {
  const sql = postgres(url, { max: 1 });
  const rows = await sql<{ rule: string }[]>`
    select format('%s.%s%s', table_name, column_name, case is_nullable when 'NO' then ' is never null' end) as rule
    from information_schema.columns where table_schema = 'public'
    union all
    select format('%s %s', case when indisunique then 'unique index' else 'index' end, indexrelid::regclass)
    from pg_index join pg_class on pg_class.oid = indrelid where relnamespace = 'public'::regnamespace and not indisprimary
    union all
    select format('constraint %s', conname) from pg_constraint
    where connamespace = 'public'::regnamespace and contype in ('c', 'f')`;
  await sql.end();
  return rows.map(({ rule }) => rule);
}

test.each(serviceNames)(
  "the migrations of %s make every column, index and constraint that the schema has, and no other",
  async (service) => {
    const owners = [`services/${service}`, "shared/database", ...(service === "user" ? [] : ["shared/messaging"])];
    const database = await createTestDatabase({ service });
    const rules = await Promise.all(owners.map(promised));
    expect((await found(database.url)).toSorted()).toEqual(rules.flat().toSorted());
    await database.drop();
  },
  120_000,
);
