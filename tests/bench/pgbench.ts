import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import postgres from "postgres";

/** The intake's two inserts as plain SQL: an order, and its message in the outbox. */
const TWO_INSERTS = String.raw`
begin deferrable;
insert into orders (id, customer_id, status, progress, items, total, currency, delivery_address, created_at, updated_at)
values (gen_random_uuid(), gen_random_uuid(), 'PENDING', 'CREATED', '[{"productId":"0195e000-0000-7000-8000-000000000001","name":"Tea","unitPrice":4500,"quantity":1}]', 4500, 'KRW', 'Seoul', now(), now());
insert into outbox (topic, key, payload, sent_at)
values ('order.events', gen_random_uuid()::text, '{"specversion":"1.0","type":"OrderCreated","source":"/services/order","data":{"orderId":"0195e000-0000-7000-8000-000000000001","customerId":"0195e000-0000-7000-8000-000000000002","items":[{"productId":"0195e000-0000-7000-8000-000000000003","quantity":1}],"total":4500,"currency":"KRW","deliveryAddress":"Seoul"}}', now());
commit;
`;

/** Takes back what the script above has written. */
const TAKE_BACK = String.raw`
with strangers as (delete from orders where delivery_address = 'Seoul')
delete from outbox where payload->'data'->>'deliveryAddress' = 'Seoul'`;

/**
 * Transactions per second that `pgbench` does with the intake's two inserts, one order each.
 * @returns undefined when there is no `pgbench` on this machine
 */
export async function pgbenchOrdersPerSecond(
  databaseUrl: string,
  { clients, seconds }: { readonly clients: number; readonly seconds: number },
): Promise<number | undefined> {
  if (Bun.which("pgbench") === null) return undefined;
  const folder = await mkdtemp(join(tmpdir(), "pgbench-"));
  try {
    const script = join(folder, "two-inserts.sql");
    await writeFile(script, TWO_INSERTS);
    const run = Bun.spawn(
      [
        "pgbench",
        "-n",
        "-M",
        "prepared",
        "-c",
        String(clients),
        "-j",
        "2",
        "-T",
        String(seconds),
        "-f",
        script,
        databaseUrl,
      ],
      {
        stdout: "pipe",
        stderr: "pipe",
      },
    );
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
    return Number(tps);
  } finally {
    await rm(folder, { recursive: true });
  }
}
