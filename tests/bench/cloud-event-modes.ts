import { CLOUD_EVENT_CONTENT_TYPE } from "@shop/contracts/messages/cloud-event";
import { startInfrastructure } from "@shop/local/infrastructure";
import { Kafka, logLevel, type Message } from "kafkajs";
import { percentile } from "./load.ts";

/*
 * What the two modes of CloudEvents' Kafka binding cost in this process: structured (the whole event as JSON in the record's value, one
 * header) against binary (each attribute a header, the data alone in the value). Same broker, same run, in turns; only the ratio counts.
 */

const MESSAGES = 20_000;
const BATCH = 100;
const ROUNDS = 7;

const attributes = {
  specversion: "1.0",
  id: crypto.randomUUID(),
  source: "/services/order",
  type: "OrderCreated",
  time: new Date().toISOString(),
  subject: crypto.randomUUID(),
  dataschema: "urn:order-delivery:OrderCreated:1",
  traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
};
const data = {
  orderId: attributes.subject,
  customerId: crypto.randomUUID(),
  items: [{ productId: crypto.randomUUID(), quantity: 2 }],
  total: 9_000,
  currency: "KRW",
  deliveryAddress: "1 Sejong-daero, Jung-gu, Seoul",
};

type Mode = "structured" | "binary";

function write(mode: Mode): Message {
  const key = attributes.subject;
  if (mode === "structured") {
    const value = JSON.stringify({ ...attributes, datacontenttype: "application/json", data });
    return { key, value, headers: { "content-type": CLOUD_EVENT_CONTENT_TYPE } };
  }
  const headers = Object.fromEntries(Object.entries(attributes).map(([name, value]) => [`ce_${name}`, value]));
  return { key, value: JSON.stringify(data), headers: { ...headers, "content-type": "application/json" } };
}

/** Takes a record apart, up to the type and the data. */
function read(mode: Mode, { value, headers }: Pick<Message, "value" | "headers">): unknown {
  const json: unknown = JSON.parse(String(value));
  if (mode === "structured") return json;
  const event: Record<string, unknown> = { data: json };
  for (const [name, header] of Object.entries(headers ?? {})) event[name] = String(header);
  return event;
}

/** Milliseconds of this process's CPU for writing and reading all messages in a mode. */
async function cpuMs(kafka: Kafka, mode: Mode, round: number): Promise<number> {
  const topic = `${mode}-${round}`;
  const admin = kafka.admin();
  await admin.connect();
  await admin.createTopics({ waitForLeaders: true, topics: [{ topic, numPartitions: 6, replicationFactor: 1 }] });
  await admin.disconnect();
  const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 });
  const consumer = kafka.consumer({ groupId: topic });
  await Promise.all([producer.connect(), consumer.connect()]);
  await consumer.subscribe({ topic, fromBeginning: true });
  const before = process.cpuUsage();
  const all = Promise.withResolvers<void>();
  let count = 0;
  await consumer.run({
    eachBatch: ({ batch }) => {
      for (const message of batch.messages) read(mode, message);
      count += batch.messages.length;
      if (count >= MESSAGES) all.resolve();
      return Promise.resolve();
    },
  });
  for (let sent = 0; sent < MESSAGES; sent += BATCH) {
    await producer.send({ topic, acks: -1, messages: Array.from({ length: BATCH }, () => write(mode)) });
  }
  await all.promise;
  const { user, system } = process.cpuUsage(before);
  await Promise.all([producer.disconnect(), consumer.disconnect()]);
  return (user + system) / 1_000;
}

const infrastructure = await startInfrastructure({
  environment: process.env,
  databases: [],
  progress: (text) => void process.stdout.write(`${text}\n`),
});
try {
  const kafka = new Kafka({ brokers: infrastructure.kafkaBrokers.split(","), logLevel: logLevel.NOTHING });
  const ratios: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const structured = await cpuMs(kafka, "structured", round);
    const binary = await cpuMs(kafka, "binary", round);
    // The first round warms both up.
    if (round > 0) ratios.push(binary / structured);
    process.stdout.write(
      `round ${round}: structured ${((structured * 1_000) / MESSAGES).toFixed(1)} µs, binary ${((binary * 1_000) / MESSAGES).toFixed(1)} µs of CPU a message\n`,
    );
  }
  process.stdout.write(`binary / structured: median ${percentile(ratios, 0.5).toFixed(2)}\n`);
} finally {
  await infrastructure.stop();
}
process.exit();
