import { type Topic, topics } from "@shop/contracts/messages/define";
import { eventually } from "@shop/testing/eventually";
import { ConfigResourceTypes, type Message, type Producer } from "kafkajs";
import { EVERYTHING, type Fault, type Turn } from "../fault.ts";
import { participants, type Stage } from "../stage/stage.ts";
import { follow, type WholeRecord } from "../stage/topics.ts";

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
      if (copies.length > 0) turn.did(`${copies.length} copies`);
    }),
};

export const replayed: Fault = {
  number: 14,
  name: "full replay",
  what: "a consumer group is set back to the beginning of all of its topics",
  rules: ["I1", "I3", "I4", "I5"],
  needs: {},
  mixes: false,
  async strike(stage, turn) {
    const service = turn.pick(participants);
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
      { deadlineMs: 20_000, pauseMs: 500 },
    );
    await admin.disconnect();
    turn.did(`the group ${service} set back to the beginning`);
    await Promise.all(replicas.map((name) => stage.system.supervisor.restart(name)));
  },
};

interface Poison {
  readonly what: string;
  readonly value: string | Buffer | null;
  /** Of its own by default. */
  readonly key?: null;
}

function poisons(): readonly Poison[] {
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
    { what: "an unknown version", value: event({ dataschema: "urn:unknown:99", data: {} }) },
    { what: "5 MB", value: `"${"y".repeat(5 * 1024 * 1024)}"` },
  ];
}

async function plant(producer: Producer, topic: Topic, { value, key }: Poison, turn: Turn): Promise<void> {
  const [at] = await producer.send({ topic, messages: [{ key: key === null ? null : crypto.randomUUID(), value }] });
  if (at?.baseOffset === undefined) throw new Error("Kafka does not say where it put a record");
  turn.planted({ topic, partition: at.partition, offset: at.baseOffset });
}

export const poison: Fault = {
  number: 15,
  name: "poison",
  what: "records that nobody can read among the messages: cut JSON, null, no text, no event, unknown type, unknown version, 5 MB",
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
      const kinds = poisons();
      let count = 0;
      while (!turn.over.aborted) {
        const one = turn.pick(kinds);
        await plant(producer, turn.pick(topics), one, turn);
        count += 1;
        await turn.wait(300);
      }
      turn.did(`${count} unreadable records`);
    });
  },
};
