import { join } from "node:path";
import { dataFolder } from "@shop/local/infrastructure";
import { startKafka } from "@shop/local/kafka";
import { startPostgres } from "@shop/local/postgres";
import type { RunFolder } from "@shop/local/run-folder";

let runFolder: Promise<RunFolder> | undefined;
let postgresUrl: Promise<string> | undefined;
let kafkaBrokers: Promise<string> | undefined;

/** The system takes names of sockets of about 100 characters; this leaves room for the name itself. */
const SOCKET_FOLDER_CHARACTERS = 80;

/**
 * A PostgreSQL server for tests, as superuser: the one that `TEST_POSTGRES_URL` names, else one of this process's own, started at the first call.
 *
 * Nobody has to stop it: it is guarded, so it and its data go with the process, whichever way that ends. It does not wait for the disk (fsync off).
 */
export function testPostgresUrl(): Promise<string> {
  postgresUrl ??= (async () => {
    const given = process.env["TEST_POSTGRES_URL"];
    if (given) return given;
    const dataDir = join(await folderPath(), "postgres");
    const server = await startPostgres({ dataDir, fsync: false, socket: dataDir.length <= SOCKET_FOLDER_CHARACTERS });
    return server.url;
  })();
  return postgresUrl;
}

/** A Kafka broker for tests, `host:port`: those that `TEST_KAFKA_BROKERS` names, else one of this process's own, as with PostgreSQL. */
export function testKafkaBrokers(): Promise<string> {
  kafkaBrokers ??= (async () => {
    const given = process.env["TEST_KAFKA_BROKERS"];
    if (given) return given;
    const broker = await startKafka({
      dataDir: join(await folderPath(), "kafka"),
      environment: process.env,
      progress: (text) => process.stderr.write(`${text}\n`),
    });
    return broker.brokers;
  })();
  return kafkaBrokers;
}

async function folderPath(): Promise<string> {
  runFolder ??= dataFolder();
  return (await runFolder).path;
}
