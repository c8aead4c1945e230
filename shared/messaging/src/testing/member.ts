/** A process that joins the consumer group of its first argument as its second, by the brokers of its third, says `joined`, and stays until it is killed. */
import { hostname } from "node:os";
import { Kafka, logLevel } from "kafkajs";
import { clientIdOf } from "../kafka/consumer/dead-members.ts";

const [groupId = "", topic = "", brokers = ""] = process.argv.slice(2);
const kafka = new Kafka({
  clientId: clientIdOf("node", { host: hostname(), pid: process.pid }),
  brokers: brokers.split(","),
  logLevel: logLevel.NOTHING,
});
const consumer = kafka.consumer({ groupId, sessionTimeout: 60_000, heartbeatInterval: 500 });
consumer.on(consumer.events.GROUP_JOIN, () => process.stdout.write("joined\n"));
await consumer.connect();
await consumer.subscribe({ topic });
await consumer.run({ eachMessage: () => Promise.resolve() });
