import { Kafka, logLevel } from "kafkajs";

/** A client that goes on trying for as long as a benchmark lasts. */
export function kafkaClient(clientId: string, brokers: string): Kafka {
  return new Kafka({
    clientId,
    brokers: brokers.split(","),
    logLevel: logLevel.NOTHING,
    retry: { initialRetryTime: 50, maxRetryTime: 1_000, retries: 100 },
  });
}
