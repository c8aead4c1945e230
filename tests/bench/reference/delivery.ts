import { startConsumer } from "./consumer.ts";
import { connect } from "./database.ts";
import { serveReference } from "./management.ts";
import { kept, outboxRow } from "./message.ts";
import { startRelay } from "./relay.ts";
import { readSettings } from "./settings.ts";

/** Creates the deliveries of all orders of a batch by one statement. */
const { databaseUrl, kafkaBrokers, port } = readSettings(process.env);
const sql = connect(databaseUrl);
const publish = await startRelay({ name: "delivery", sql, kafkaBrokers });

const counts = await startConsumer({
  group: "delivery",
  topics: ["reference.delivery.commands"],
  kafkaBrokers,
  async handle(messages) {
    const replies = messages.map((message) => outboxRow("reference.delivery.events", "DeliveryCreated", message));
    const written = await sql<{ id: string }[]>`
      with fresh as (
        insert into inbox (id) select unnest(${messages.map(({ id }) => id)}::uuid[]) on conflict do nothing returning id
      ),
      work as materialized (
        select given.* from unnest(
          ${messages.map(({ id }) => id)}::uuid[],
          ${messages.map(({ orderId }) => orderId)}::uuid[],
          ${replies.map(({ id }) => id)}::uuid[],
          ${replies.map(({ payload }) => payload)}::text[]
        ) with ordinality as given (handled_id, order_id, id, payload, position)
        join fresh on fresh.id = handled_id
      ),
      created as (insert into delivery (order_id, status) select order_id, 'PENDING' from work)
      insert into outbox (id, topic, key, payload)
      select id, 'reference.delivery.events', order_id::text, payload from work order by position
      returning id`;
    publish(kept(replies, written));
  },
});
serveReference(port, counts);
