import { type Topic, topics } from "@shop/contracts/services";
import { eventually } from "@shop/testing/eventually";
import { ConfigResourceTypes, type Message, type Producer } from "kafkajs";
import postgres from "postgres";
import { EVERYTHING, type Fault, type Turn } from "../fault.ts";
import { type ParticipantName, participants } from "@shop/contracts/services";
import type { Stage } from "../../harness/stage/stage.ts";
import { follow, type WholeRecord } from "../../harness/stage/topics.ts";

/** A harness' own copy bears this header, so that it is not copied again. */
export const HARNESS_HEADER = "x-harness-copy";

export async function withProducer(stage: Stage, work: (producer: Producer) => Promise<void>): Promise<void> {
  const producer = stage.client.producer({ allowAutoTopicCreation: false });
  await producer.connect();
  try {
    await work(producer);
  } finally {
    await producer.disconnect();
  }
}

/** Hears what the services publish during a turn, without what the harness does. */
export async function listening(
  stage: Stage,
  names: readonly Topic[],
  hear: (record: WholeRecord) => Promise<void>,
  meanwhile: () => Promise<void>,
): Promise<void> {
  const consumer = await follow(stage.client, names, false, async (record) => {
    if (record.headers?.[HARNESS_HEADER] === undefined) await hear(record);
  });
  try {
    await meanwhile();
  } finally {
    await consumer.disconnect();
  }
}

const copyOf = ({ key, value, headers }: WholeRecord): Message => ({
  key,
  value,
  headers: { ...headers, [HARNESS_HEADER]: "1" },
});

/** Copies come up to this much later, in milliseconds, so in any order. */
const COPIES_LATE_BY_MS = 3_000;

export const duplicates: Fault = {
  number: 12,
  name: "duplicates",
  full: { forMs: 60_000, effects: 1_000 },
  what: `every message is delivered 2 to 5 times, its copies up to ${COPIES_LATE_BY_MS / 1_000} s later and in any order`,
  rules: EVERYTHING,
  needs: {},
  mixes: true,
  strike: (stage, turn) =>
    withProducer(stage, async (producer) => {
      const copies: Promise<void>[] = [];
      const send = async (record: WholeRecord) => {
        await Bun.sleep(turn.random() * COPIES_LATE_BY_MS);
        const { topic, partition } = record;
        await producer.send({ topic, messages: [{ ...copyOf(record), partition }] });
      };
      await listening(
        stage,
        topics,
        (record) => {
          for (let left = 1 + Math.floor(turn.random() * 4); left > 0; left -= 1) copies.push(send(record));
          return Promise.resolve();
        },
        // Not until the turn is over: that began before anybody listened.
        () => Bun.sleep(turn.onMs),
      );
      await Promise.all(copies);
      if (copies.length > 0) turn.did(`${copies.length} copies`, copies.length);
    }),
};

export const replayed: Fault = {
  number: 14,
  name: "full replay",
  full: { forMs: 120_000, effects: 8 },
  what: "every consumer group, one after the other, is set back to the beginning of all of its topics",
  rules: ["I1", "I3", "I4", "I5"],
  needs: {},
  mixes: false,
  async strike(stage, turn) {
    for (const service of participants) await setBack(stage, turn, service);
  },
};

async function setBack(stage: Stage, turn: Turn, service: ParticipantName): Promise<void> {
  const replicas = stage.replicasOf(service);
  await Promise.all(replicas.map((name) => stage.system.supervisor.kill(name, "SIGTERM")));
  const admin = stage.client.admin();
  await admin.connect();
  // The broker refuses while the group still has a member.
  await eventually(
    async () => {
      for (const { topic } of await admin.fetchOffsets({ groupId: service }))
        await admin.resetOffsets({ groupId: service, topic, earliest: true });
    },
    { deadlineMs: 60_000, pauseMs: 500 },
  );
  await admin.disconnect();
  turn.did(`the group ${service} set back to the beginning`);
  await Promise.all(replicas.map((name) => stage.system.supervisor.restart(name)));
}

interface Poison {
  readonly what: string;
  readonly value: string | Buffer | null;
  /** Of its own by default. */
  readonly key?: string | null;
}

/** @param orderId of an order that is on its way: some of what cannot be read comes among its messages */
function poisons(orderId: string | undefined): readonly Poison[] {
  const event = (rest: object) =>
    JSON.stringify({
      ...{ specversion: "1.0", id: crypto.randomUUID(), source: "/harness", time: new Date().toISOString() },
      ...{ type: "OrderCreated", datacontenttype: "application/json" },
      ...rest,
    });
  return [
    { what: "JSON that is cut short", value: `{"specversion":"1.0","id":"` },
    { what: "a null value", value: null },
    { what: "null as JSON, without a key", value: "null", key: null },
    { what: "bytes that are no text", value: Buffer.from([0x80, 0x00, 0xff]) },
    { what: "something else than an event", value: "[1,2,3]" },
    { what: "an unknown type", value: event({ type: "NobodyKnowsThis", data: {} }) },
    { what: "data that its schema refuses", value: event({ subject: "x", data: { orderId: 7, items: "none" } }) },
    ...(orderId === undefined
      ? []
      : [
          { what: "cut JSON with an order's own key", value: `{"specversion":"1.0","id":"`, key: orderId },
          {
            what: "data that its schema refuses, with an order's own key",
            value: event({ subject: orderId, data: { orderId, items: [] } }),
            key: orderId,
          },
        ]),
    { what: "an unknown version", value: event({ dataschema: "urn:unknown:99", data: {} }) },
    { what: "5 MB", value: `"${"y".repeat(5 * 1024 * 1024)}"` },
  ];
}

async function inject(producer: Producer, topic: Topic, { value, key }: Poison, turn: Turn): Promise<void> {
  const [at] = await producer.send({
    topic,
    messages: [{ key: key === undefined ? crypto.randomUUID() : key, value }],
  });
  if (at?.baseOffset === undefined) throw new Error("Kafka does not say where it put a record");
  turn.injected({ topic, partition: at.partition, offset: at.baseOffset });
}

export const poison: Fault = {
  number: 15,
  name: "poison",
  full: { forMs: 60_000, effects: 60 },
  what: "records that nobody can read among the messages, some with the key of an order on its way: cut JSON, null, no text, no event, unknown type, unknown version, data that the schema refuses, 5 MB",
  rules: EVERYTHING,
  needs: {},
  mixes: true,
  async strike(stage, turn) {
    const admin = stage.client.admin();
    await admin.connect();
    // 5 MB does not fit into a topic as it is: what must be survived is that somebody has allowed it.
    const roomy = [{ name: "max.message.bytes", value: String(8 * 1024 * 1024) }];
    const resources = topics.map((name) => ({ type: ConfigResourceTypes.TOPIC, name, configEntries: roomy }));
    await admin.alterConfigs({ validateOnly: false, resources });
    await admin.disconnect();
    await withProducer(stage, async (producer) => {
      const orders = postgres(stage.superuserUrl("order"), { max: 1, onnotice: () => undefined });
      let count = 0;
      while (!turn.over.aborted) {
        const [newest] = await orders<{ id: string }[]>`select id from orders order by id desc limit 1`;
        const one = turn.pick(poisons(newest?.id));
        await inject(producer, turn.pick(topics), one, turn);
        count += 1;
        await turn.wait(300);
      }
      await orders.end();
      turn.did(`${count} unreadable records`, count);
    });
  },
};
