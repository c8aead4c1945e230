import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import postgres from "postgres";

/** How many orders a transaction of the grouped script holds: as many as wait for each other when 64 calls are in flight and two groups of them. */
const GROUP = 32;

/** What `pgbench` does of the intake's work: an order and its message in the outbox, by two inserts a transaction. */
interface Script {
  readonly orders: number;
  readonly sql: string;
}

function script(orders: number): Script {
  const from = orders === 1 ? "" : ` from generate_series(1, ${orders})`;
  return {
    orders,
    sql: String.raw`
begin deferrable;
insert into orders (id, customer_id, status, progress, items, total, currency, delivery_address, created_at, updated_at)
select gen_random_uuid(), gen_random_uuid(), 'PENDING', 'CREATED', '[{"productId":"0195e000-0000-7000-8000-000000000001","name":"Tea","unitPrice":4500,"quantity":1}]'::jsonb, 4500, 'KRW', 'Seoul', now(), now()${from};
insert into outbox (topic, key, payload, sent_at)
select 'order.events', gen_random_uuid()::text, '{"specversion":"1.0","type":"OrderCreated","source":"/services/order","data":{"orderId":"0195e000-0000-7000-8000-000000000001","customerId":"0195e000-0000-7000-8000-000000000002","items":[{"productId":"0195e000-0000-7000-8000-000000000003","quantity":1}],"total":4500,"currency":"KRW","deliveryAddress":"Seoul"}}'::jsonb, now()${from};
commit;
`,
  };
}

/** Deletes what the script above has written. */
const TAKE_BACK = String.raw`
with strangers as (delete from orders where delivery_address = 'Seoul')
delete from outbox where payload->'data'->>'deliveryAddress' = 'Seoul'`;

/** Orders per second. */
export interface Yardstick {
  /** One order a transaction, 32 clients: what calls that commit for themselves could do. */
  readonly single: number;
  /** 32 orders a transaction, two clients: what calls that commit in groups, two at a time as the order service's, could do. */
  readonly grouped: number;
}

/**
 * Orders that `pgbench` stores with the intake's two inserts.
 * @param seconds of each of the two
 * @returns undefined when there is no `pgbench` on this machine
 */
export async function pgbenchOrders(databaseUrl: string, seconds: number): Promise<Yardstick | undefined> {
  if (Bun.which("pgbench") === null) return undefined;
  const single = await ordersPerSecond(databaseUrl, script(1), { clients: 32, seconds });
  const grouped = await ordersPerSecond(databaseUrl, script(GROUP), { clients: 2, seconds });
  return { single, grouped };
}

async function ordersPerSecond(
  databaseUrl: string,
  { orders, sql }: Script,
  { clients, seconds }: { readonly clients: number; readonly seconds: number },
): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), "pgbench-"));
  try {
    const file = join(folder, "two-inserts.sql");
    await writeFile(file, sql);
    const load = ["-c", String(clients), "-j", "2", "-T", String(seconds)];
    const run = Bun.spawn(["pgbench", "-n", "-M", "prepared", ...load, "-f", file, databaseUrl], {
      stdout: "pipe",
      stderr: "pipe",
    });
    const [out, errors] = await Promise.all([
      new Response(run.stdout).text(),
      new Response(run.stderr).text(),
      run.exited,
    ]);
    const tps = /tps = ([\d.]+)/.exec(out)?.[1];
    if (tps === undefined) throw new Error(`pgbench failed: ${errors}`);
    const client = postgres(databaseUrl, { max: 1 });
    await client.unsafe(TAKE_BACK);
    await client.end();
    return Number(tps) * orders;
  } finally {
    await rm(folder, { recursive: true });
  }
}
