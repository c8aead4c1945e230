import { startConsumer } from "./consumer.ts";
import { connect } from "./database.ts";
import { serveReference } from "./management.ts";
import { kept, outboxRow } from "./message.ts";
import { startRelay } from "./relay.ts";
import { readSettings } from "./settings.ts";

/** Takes stock for all orders of a batch by one statement. Stock never runs out here: a batch that lacks some breaks the table's check and fails. */
const { databaseUrl, kafkaBrokers, port } = readSettings(process.env);
const sql = connect(databaseUrl);
const publish = await startRelay({ name: "product", sql, kafkaBrokers });

const counts = await startConsumer({
  group: "product",
  topics: ["reference.product.commands"],
  kafkaBrokers,
  async handle(messages) {
    const replies = messages.map((message) => outboxRow("reference.product.events", "ProductDecreased", message));
    const written = await sql<{ id: string }[]>`
      with fresh as (
        insert into inbox (id) select unnest(${messages.map(({ id }) => id)}::uuid[]) on conflict do nothing returning id
      ),
      work as materialized (
        select given.* from unnest(
          ${messages.map(({ id }) => id)}::uuid[],
          ${messages.map(({ productId }) => productId)}::int[],
          ${messages.map(({ quantity }) => quantity)}::int[],
          ${replies.map(({ id }) => id)}::uuid[],
          ${replies.map(({ key }) => key)}::text[],
          ${replies.map(({ payload }) => payload)}::text[]
        ) with ordinality as given (handled_id, product_id, quantity, id, key, payload, position)
        join fresh on fresh.id = handled_id
      ),
      wanted as materialized (select product_id, sum(quantity)::bigint as quantity from work group by product_id),
      taken as (
        update product set stock = product.stock - wanted.quantity from wanted where product.id = wanted.product_id
      )
      insert into outbox (id, topic, key, payload)
      select id, 'reference.product.events', key, payload from work order by position
      returning id`;
    publish(kept(replies, written));
  },
});
serveReference(port, counts);
