import { connect } from "./database.ts";
import { serveReference } from "./management.ts";
import { type OutboxRow, outboxRow } from "./message.ts";
import { startRelay } from "./relay.ts";
import { readSettings } from "./settings.ts";

/**
 * Takes orders and commits them in groups: what comes together while at most two statements are under way goes out as the next statement. Nothing waits
 * for a group to become larger, so a single order commits at once.
 */
interface Intake {
  readonly orderId: string;
  readonly productId: number;
  readonly quantity: number;
  readonly created: OutboxRow;
  readonly stored: PromiseWithResolvers<void>;
}

const STATEMENTS_AT_ONCE = 2;

const { databaseUrl, kafkaBrokers, port } = readSettings(process.env);
const sql = connect(databaseUrl);
const publish = await startRelay({ name: "order", sql, kafkaBrokers });
const counts = { batches: 0, records: 0 };
let waiting: Intake[] = [];
let underWay = 0;
let isFlushDue = false;

async function store(group: readonly Intake[]): Promise<void> {
  const created = group.map((intake) => intake.created);
  await sql`
    with placed as (
      insert into orders (id, product_id, quantity, status)
      select id, product_id, quantity, 'PENDING'
      from unnest(
        ${group.map(({ orderId }) => orderId)}::uuid[],
        ${group.map(({ productId }) => productId)}::int[],
        ${group.map(({ quantity }) => quantity)}::int[]
      ) as new_order (id, product_id, quantity)
    )
    insert into outbox (id, topic, key, payload)
    select id, topic, key, payload
    from unnest(
      ${created.map(({ id }) => id)}::uuid[],
      ${created.map(({ topic }) => topic)}::text[],
      ${created.map(({ key }) => key)}::text[],
      ${created.map(({ payload }) => payload)}::text[]
    ) as message (id, topic, key, payload)`;
  publish(created);
}

async function flush(): Promise<void> {
  isFlushDue = false;
  if (waiting.length === 0 || underWay >= STATEMENTS_AT_ONCE) return;
  const group = waiting;
  waiting = [];
  underWay += 1;
  counts.batches += 1;
  counts.records += group.length;
  try {
    await store(group);
    for (const { stored } of group) stored.resolve();
  } catch (error) {
    for (const { stored } of group) stored.reject(error);
  }
  underWay -= 1;
  void flush();
}

async function place(request: Request): Promise<Response> {
  const { productId, quantity } = (await request.json()) as { productId: number; quantity: number };
  const orderId = Bun.randomUUIDv7();
  const created = outboxRow("reference.order.events", "OrderCreated", { orderId, productId, quantity });
  const stored = Promise.withResolvers<void>();
  waiting.push({ orderId, productId, quantity, created, stored });
  if (!isFlushDue) {
    isFlushDue = true;
    // After all requests that this turn of the event loop brings.
    setImmediate(() => void flush());
  }
  await stored.promise;
  return Response.json({ id: orderId }, { status: 201 });
}

serveReference(port, counts, place);
