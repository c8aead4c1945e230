import { topics } from "@shop/contracts/services";
import { ConfigResourceTypes } from "kafkajs";
import postgres from "postgres";
import { EVERYTHING, type Fault, type Turn } from "../fault.ts";
import { tokenOf } from "../../harness/load/actors.ts";
import { type ParticipantName, participants } from "@shop/contracts/services";
import type { Stage } from "../../harness/stage/stage.ts";

/** A session of the harness' own in the database of a service. */
const connect = (stage: Stage, service: ParticipantName) =>
  postgres(stage.superuserUrl(service), { max: 1, onnotice: () => undefined });

/** A row that messages and calls need, by the service that owns it: one that is needed now. */
const NEEDED_ROWS: Readonly<Record<ParticipantName, string>> = {
  product: "select from product where withdrawn_at is null order by taken desc limit 1 for update",
  order: "select from orders where status = 'PENDING' order by id desc limit 1 for update",
  delivery: "select from delivery where status = 'PENDING' order by id desc limit 1 for update",
  orchestrator: "select from saga where status = 'RUNNING' order by id desc limit 1 for update",
};

/**
 * Holds a row of a service that messages and calls need, for as long as `meanwhile` takes.
 * @param meanwhile is told how many rows are held: none when nothing needs one
 */
export async function holdNeededRow(
  stage: Stage,
  service: ParticipantName,
  meanwhile: (locked: number) => Promise<void>,
): Promise<void> {
  const sql = connect(stage, service);
  await sql.begin(async (tx) => meanwhile((await tx.unsafe(NEEDED_ROWS[service])).length));
  await sql.end();
}

async function deliveriesOf(stage: Stage): Promise<number> {
  const sql = connect(stage, "delivery");
  const [row] = await sql<{ n: number }[]>`select count(*)::int as n from delivery`;
  await sql.end();
  return row?.n ?? 0;
}

export const lockedRow: Fault = {
  number: 27,
  name: "a locked row",
  what: "another session holds a row that others need, a product, an order, a delivery or a saga, for 30 s; the others go on meanwhile",
  rules: EVERYTHING,
  needs: {},
  full: { forMs: 140_000, effects: 4 },
  mixes: false,
  onMs: 30_000,
  async strike(stage, turn) {
    const service = turn.pick(participants);
    await holdNeededRow(stage, service, async (locked) => {
      const before = await deliveriesOf(stage);
      await turn.wait(turn.onMs);
      const more = (await deliveriesOf(stage)) - before;
      turn.did(`a row of ${service} locked for 30 s; ${more} deliveries were created meanwhile`, locked);
      if (more === 0) turn.broke(`while a row of ${service} was locked no order went on`);
    });
  },
};

/** A table may hold this many times the bytes a row that it held in the first fifth of the run. */
const SWELLS_BY = 2;
/** Of the orders of the first fifth this part must go on in the last, but for what chance makes of so many (three standard deviations). */
const KEPT_PART = 0.9;
const FIFTHS = 5;

export const idleTransaction: Fault = {
  number: 28,
  name: "a transaction left open",
  what: "in each database a session stays in a transaction that has an id, for all of the run: throughput stays at 90 %, and outbox and inbox do not swell",
  rules: EVERYTHING,
  needs: {},
  full: { forMs: 1_800_000, effects: 4 },
  mixes: false,
  lasts: "the whole run",
  async strike(stage, turn) {
    const sessions = participants.map((service) => connect(stage, service));
    for (const sql of sessions) {
      await sql`begin`;
      await sql`select pg_current_xact_id()`;
    }
    const created: number[] = [await deliveriesOf(stage)];
    const sizes: (readonly Size[])[] = [];
    for (let fifth = 0; fifth < FIFTHS; fifth += 1) {
      await turn.wait(turn.onMs / FIFTHS);
      created.push(await deliveriesOf(stage));
      sizes.push(await sizesOf(stage));
    }
    for (const sql of sessions) {
      await sql`rollback`;
      await sql.end();
    }
    const inFifth = (index: number) => (created[index + 1] ?? 0) - (created[index] ?? 0);
    const [first, last] = [inFifth(0), inFifth(FIFTHS - 1)];
    turn.did(`a transaction left open in each database; ${first} orders in the first fifth, ${last} in the last`, 4);
    if (last < first * KEPT_PART - 3 * Math.sqrt(first))
      turn.broke(`only ${last} orders went on in the last fifth, ${first} in the first`);
    for (const [index, size] of (sizes[0] ?? []).entries()) {
      const after = sizes.at(-1)?.[index];
      if (after !== undefined && after.bytesPerRow > size.bytesPerRow * SWELLS_BY)
        turn.broke(`${size.table} grew from ${size.bytesPerRow} to ${after.bytesPerRow} bytes a row`);
    }
  },
};

interface Size {
  readonly table: string;
  readonly bytesPerRow: number;
}

/** What outboxes and inboxes take on the disk, indexes included. */
async function sizesOf(stage: Stage): Promise<readonly Size[]> {
  const perService = await Promise.all(
    participants.map(async (service) => {
      const sql = connect(stage, service);
      const rows = await sql<Size[]>`
        select ${`${service}'s `} || name as table, round(pg_total_relation_size(name::regclass) / greatest(n, 1))::int as "bytesPerRow"
        from (select 'outbox' as name, (select count(*) from outbox) as n union all select 'inbox', (select count(*) from inbox)) as tables`;
      await sql.end();
      return rows;
    }),
  );
  return perService.flat();
}

export const strangersInKafka: Fault = {
  number: 29,
  name: "strangers in Kafka",
  what: "another producer leaves a transaction open on each topic, and aborts it in the end; another program joins a consumer group, takes partitions, reads nothing and leaves",
  rules: EVERYTHING,
  needs: {},
  full: { forMs: 60_000, effects: 30 },
  mixes: false,
  onMs: 8_000,
  async strike(stage, turn) {
    const { client } = stage;
    const id = `stranger-${crypto.randomUUID()}`;
    const producer = client.producer({ transactionalId: id, maxInFlightRequests: 1, idempotent: true });
    await producer.connect();
    const transaction = await producer.transaction();
    for (const topic of topics) {
      const [at] = await transaction.send({
        topic,
        messages: [{ key: crypto.randomUUID(), value: "of another program" }],
      });
      if (at?.baseOffset === undefined) throw new Error("Kafka does not say where it put a record");
      turn.injected({ topic, partition: at.partition, offset: at.baseOffset });
    }
    turn.did(`a transaction open on ${topics.length} topics`, topics.length);
    const group = turn.pick(participants);
    const guest = client.consumer({ groupId: group, sessionTimeout: 6_000 });
    await guest.connect();
    await guest.subscribe({ topics: [...topics] });
    await guest.run({ autoCommit: false, eachMessage: () => new Promise((resolve) => setTimeout(resolve, 100)) });
    turn.did(`another program in the group ${group}`);
    await turn.wait(turn.onMs);
    await guest.disconnect();
    await transaction.abort();
    await producer.disconnect();
  },
};

const CODECS = ["gzip", "snappy", "lz4", "zstd", "uncompressed"] as const;

export const recompressed: Fault = {
  number: 30,
  name: "the broker compresses",
  what: "the broker stores each topic with another codec, gzip, snappy, lz4, zstd or none, while messages flow",
  rules: EVERYTHING,
  needs: {},
  full: { forMs: 60_000, effects: 60 },
  mixes: true,
  async strike(stage, turn) {
    const admin = stage.client.admin();
    await admin.connect();
    while (!turn.over.aborted) {
      const resources = topics.map((name) => {
        const configEntries = [{ name: "compression.type", value: turn.pick(CODECS) }];
        return { type: ConfigResourceTypes.TOPIC, name, configEntries };
      });
      await admin.alterConfigs({ validateOnly: false, resources });
      turn.did(`another codec for each of ${topics.length} topics`, topics.length);
      await turn.wait(2_000);
    }
    const configEntries = [{ name: "compression.type", value: "producer" }];
    const resources = topics.map((name) => ({ type: ConfigResourceTypes.TOPIC, name, configEntries }));
    await admin.alterConfigs({ validateOnly: false, resources });
    await admin.disconnect();
  },
};

/** A column of each service that calls and messages read and write. */
const COLUMNS: Readonly<Record<ParticipantName, readonly [table: string, column: string]>> = {
  order: ["orders", "delivery_address"],
  product: ["product", "name"],
  delivery: ["delivery", "delivery_address"],
  orchestrator: ["saga", "traceparent"],
};
/** What a role may be given by anyone who runs the server. */
const ROLE_SETTINGS = [
  "timezone = 'Asia/Seoul'",
  "datestyle = 'SQL, DMY'",
  "intervalstyle = 'sql_standard'",
  "default_transaction_isolation = 'serializable'",
  "bytea_output = 'escape'",
  "extra_float_digits = 0",
] as const;

/** What somebody who runs the servers does under load; gives what it was. */
const CHORES: readonly ((sql: postgres.Sql, service: ParticipantName, turn: Turn) => Promise<string>)[] = [
  async (sql, service) => {
    const [table, column] = COLUMNS[service];
    await sql.unsafe(`alter table ${table} alter column ${column} type varchar(5000)`);
    await sql.unsafe(`alter table ${table} alter column ${column} type text`);
    return `the type of ${table}.${column} changed, twice`;
  },
  async (sql, service) => {
    const [table, column] = COLUMNS[service];
    await sql.unsafe(`create index concurrently chaos_index on ${table} (${column})`);
    await sql.unsafe("drop index concurrently chaos_index");
    return `an index of ${table} built and dropped`;
  },
  async (sql) => {
    await sql`select pg_stat_reset()`;
    await sql`analyze`;
    return "statistics reset";
  },
  async (sql, service, turn) => {
    const setting = turn.pick(ROLE_SETTINGS);
    await sql.unsafe(`alter role "${service}" set ${setting}`);
    const ended = await recycle(sql);
    await turn.wait(1_000);
    await sql.unsafe(`alter role "${service}" reset all`);
    return `${setting} for the role, and ${ended} connections recycled`;
  },
  async (sql) => `${await recycle(sql)} connections recycled`,
];

async function recycle(sql: postgres.Sql): Promise<number> {
  const ended = await sql`
    select from (select pg_terminate_backend(pid) as is_ended from pg_stat_activity
      where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend') as asked where is_ended`;
  return ended.length;
}

export const choresUnderLoad: Fault = {
  number: 31,
  name: "chores under load",
  what: "a column's type is changed, an index built, statistics reset, a role's settings changed, connections recycled, while orders come; nothing is answered with 500",
  rules: EVERYTHING,
  needs: {},
  full: { forMs: 60_000, effects: 12 },
  mixes: true,
  async strike(stage, turn) {
    while (!turn.over.aborted) {
      const service = turn.pick(participants);
      const sql = connect(stage, service);
      turn.did(`${service}: ${await turn.pick(CHORES)(sql, service, turn)}`);
      await sql.end();
      await turn.wait(500);
    }
  },
};

/** As many of each as a greedy customer asks for. */
const STREAMS = 60;
const SESSIONS = 60;
const ORDERS = 40;

export const greedy: Fault = {
  number: 32,
  name: "a greedy customer",
  what: `one customer opens ${STREAMS} event streams, ${SESSIONS} sessions and ${ORDERS} orders with keys at once, again and again; what is too much is refused, and others do not notice`,
  rules: ["I2", "I8"],
  needs: {},
  full: { forMs: 60_000, effects: 100 },
  mixes: false,
  answers: "no server errors",
  onMs: 10_000,
  async strike(stage, turn) {
    const url = stage.system.frontendUrl;
    const name = `greedy-${crypto.randomUUID().slice(0, 8)}`;
    const json = { "content-type": "application/json" };
    const user = JSON.stringify({ username: name, password: `${name}-password` });
    await fetch(`${url}/api/users`, { method: "POST", headers: json, body: user });
    const authorization = `Bearer ${await tokenOf(url, name)}`;
    const listed = await (await fetch(`${url}/api/products?limit=1`)).json();
    const productId = (listed as { items: { id: string }[] }).items[0]?.id;
    const order = JSON.stringify({ items: [{ productId, quantity: 1 }], deliveryAddress: "1 Sejong-daero" });
    const place = (key: string) =>
      fetch(`${url}/api/orders`, {
        method: "POST",
        headers: { ...json, authorization, "idempotency-key": key },
        body: order,
      });
    const placed = await Promise.all(Array.from({ length: ORDERS }, (_, index) => place(`${name}-${index}`)));
    const ids = (await Promise.all(placed.filter(({ ok }) => ok).map((answer) => answer.json()))) as { id: string }[];
    const closing = new AbortController();
    const streams = await Promise.all(
      Array.from({ length: STREAMS }, (_, index) =>
        fetch(`${url}/api/orders/${ids[index % ids.length]?.id}/events`, {
          headers: { authorization },
          signal: closing.signal,
        }),
      ),
    );
    const logins = await Promise.all(
      Array.from({ length: SESSIONS }, () => fetch(`${url}/login`, { method: "POST", headers: json, body: user })),
    );
    const refused = [...streams, ...placed, ...logins].filter(({ status }) => status === 429).length;
    const failed = [...streams, ...placed].filter(({ status }) => status >= 500 && status !== 503);
    if (failed.length > 0)
      turn.broke(`${failed.length} calls of a greedy customer were answered with ${failed[0]?.status}`);
    turn.did(
      `${streams.length} streams, ${placed.length} orders, ${logins.length} sessions; ${refused} refused`,
      refused,
    );
    await turn.wait(turn.onMs);
    closing.abort();
  },
};
