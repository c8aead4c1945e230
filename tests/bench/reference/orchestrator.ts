import type { PendingQuery, Row } from "postgres";
import { startConsumer } from "./consumer.ts";
import { connect } from "./database.ts";
import { serveReference } from "./management.ts";
import { kept, type Message, outboxRow, type OutboxRow } from "./message.ts";
import { startRelay } from "./relay.ts";
import { readSettings } from "./settings.ts";

/** Moves sagas on: order created, stock decreased, delivery created. One statement handles all messages of one type in a batch. */
const { databaseUrl, kafkaBrokers, port } = readSettings(process.env);
const sql = connect(databaseUrl);
const publish = await startRelay({ name: "orchestrator", sql, kafkaBrokers });

/** A part of a statement; it is sent with the statement it stands in. */
type Fragment = PendingQuery<Row[]>;

const idsOf = (messages: readonly Message[]) => messages.map(({ id }) => id);
const ordersOf = (messages: readonly Message[]) => messages.map(({ orderId }) => orderId);

/** @param change what becomes of the sagas of the messages in `work`, as a part of the statement's `with` */
async function command(
  messages: readonly Message[],
  { topic, type, change }: Pick<OutboxRow, "topic"> & Pick<Message, "type"> & { readonly change: Fragment },
): Promise<void> {
  const commands = messages.map((message) => outboxRow(topic, type, message));
  const written = await sql<{ id: string }[]>`
    with fresh as (
      insert into inbox (id) select unnest(${idsOf(messages)}::uuid[]) on conflict do nothing returning id
    ),
    work as materialized (
      select given.* from unnest(
        ${idsOf(messages)}::uuid[],
        ${ordersOf(messages)}::uuid[],
        ${commands.map(({ id }) => id)}::uuid[],
        ${commands.map(({ payload }) => payload)}::text[]
      ) with ordinality as given (handled_id, order_id, id, payload, position)
      join fresh on fresh.id = handled_id
    ),
    changed as (${change})
    insert into outbox (id, topic, key, payload)
    select id, ${topic}::text, order_id::text, payload from work order by position
    returning id`;
  publish(kept(commands, written));
}

function begin(messages: readonly Message[]): Promise<void> {
  const change = sql`insert into saga (order_id, state) select order_id, 'DECREASING' from work`;
  return command(messages, { topic: "reference.product.commands", type: "DecreaseProduct", change });
}

function createDeliveries(messages: readonly Message[]): Promise<void> {
  const change = sql`
    update saga set state = 'CREATING' from work
    where saga.order_id = any(${ordersOf(messages)}::uuid[]) and saga.order_id = work.order_id`;
  return command(messages, { topic: "reference.delivery.commands", type: "CreateDelivery", change });
}

async function waitForRiders(messages: readonly Message[]): Promise<void> {
  await sql`
    with fresh as (
      insert into inbox (id) select unnest(${idsOf(messages)}::uuid[]) on conflict do nothing returning id
    ),
    work as (
      select given.order_id
      from unnest(${idsOf(messages)}::uuid[], ${ordersOf(messages)}::uuid[]) as given (handled_id, order_id)
      join fresh on fresh.id = handled_id
    )
    update saga set state = 'WAITING' from work
    where saga.order_id = any(${ordersOf(messages)}::uuid[]) and saga.order_id = work.order_id`;
}

async function apply(type: Message["type"], messages: readonly Message[]): Promise<void> {
  switch (type) {
    case "OrderCreated":
      return begin(messages);
    case "ProductDecreased":
      return createDeliveries(messages);
    case "DeliveryCreated":
      return waitForRiders(messages);
    case "DecreaseProduct":
    case "CreateDelivery":
      throw new Error(`${type} is no message for the orchestrator`);
    default:
      throw new Error(`${String(type satisfies never)} is not known`);
  }
}

const counts = await startConsumer({
  group: "orchestrator",
  topics: ["reference.order.events", "reference.product.events", "reference.delivery.events"],
  kafkaBrokers,
  async handle(messages) {
    const byType = Map.groupBy(messages, ({ type }) => type);
    await Promise.all([...byType].map(([type, ofType]) => apply(type, ofType)));
  },
});
serveReference(port, counts);
