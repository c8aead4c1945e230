import postgres, { type Sql } from "postgres";

export const referenceDatabases = [
  "reference_order",
  "reference_orchestrator",
  "reference_product",
  "reference_delivery",
] as const;
type ReferenceDatabase = (typeof referenceDatabases)[number];

/** Products have the ids from 1 to this. */
export const PRODUCTS = 1_000;
/** More than any run takes: the reference has no path for an order that is refused. */
export const STOCK_EACH = 1_000_000_000;

const OUTBOX = `
  create table outbox (
    seq bigint generated always as identity primary key,
    id uuid not null unique,
    topic text not null,
    key text not null,
    payload text not null,
    created_at timestamptz not null default now()
  )`;
const INBOX = `create table inbox (id uuid primary key, handled_at timestamptz not null default now())`;

const TABLES: Readonly<Record<ReferenceDatabase, readonly string[]>> = {
  reference_order: [
    `create table orders (id uuid primary key, product_id int not null, quantity int not null, status text not null)`,
    OUTBOX,
  ],
  reference_orchestrator: [`create table saga (order_id uuid primary key, state text not null)`, INBOX, OUTBOX],
  reference_product: [
    `create table product (id int primary key, stock bigint not null check (stock >= 0))`,
    `insert into product select id, ${STOCK_EACH} from generate_series(1, ${PRODUCTS}) as id`,
    INBOX,
    OUTBOX,
  ],
  reference_delivery: [
    `create table delivery (order_id uuid primary key, status text not null, created_at timestamptz not null default now())`,
    INBOX,
    OUTBOX,
  ],
};

/** Creates the tables of a database of the reference, which must be empty. */
export async function createTables(database: ReferenceDatabase, url: string): Promise<void> {
  const sql = postgres(url, { max: 1 });
  try {
    for (const statement of TABLES[database]) await sql.unsafe(statement);
  } finally {
    await sql.end();
  }
}

export function connect(url: string): Sql {
  return postgres(url, { max: 8, onnotice: () => undefined });
}
