import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { connectDatabase } from "@shop/database/connect";
import { freePort } from "@shop/local/free-port";
import { dataFolder } from "@shop/local/infrastructure";
import { type KafkaProcess, startKafka } from "@shop/local/kafka";
import { type LocalPostgres, startPostgres } from "@shop/local/postgres";
import type { RunFolder } from "@shop/local/run-folder";
import { type Authority, type Certificate, createAuthority } from "@shop/local/testing/certificates";
import type { Broker } from "@shop/messaging/broker";
import { defaultIdentities, grantAccess, type KafkaIdentity } from "@shop/messaging/kafka/access";
import { createKafkaBroker } from "@shop/messaging/kafka/kafka-broker";
import type { KafkaSecurity } from "@shop/messaging/kafka/client/security";
import { systemClock as clock } from "@shop/runtime/clock";
import { createMetrics } from "@shop/runtime/metrics";
import { eventually } from "@shop/testing/eventually";
import { capturedLogger } from "@shop/testing/logger";
import { sql } from "drizzle-orm";

const HERE = "DNS:localhost,IP:127.0.0.1";
const passwords = {
  order: "the-password-of-order",
  product: "the-password-of-product",
  admin: "the-password-of-admin",
};
/** Names that take turns at the work of a service that publishes what it reads. */
const twins = ["twin-a", "twin-b"] as const;
let folder: RunFolder;
let authority: Authority;
let stranger: Authority;
let client: Certificate;
let kafka: KafkaProcess;
let postgres: LocalPostgres;
let databaseUrl: string;

beforeAll(async () => {
  [folder, authority, stranger] = await Promise.all([dataFolder(), createAuthority(), createAuthority()]);
  const [broker, server] = [await authority.issue(HERE), await authority.issue(HERE)];
  client = await authority.issue("DNS:order");
  [kafka, postgres] = await Promise.all([
    startKafka({
      dataDir: join(folder.path, "kafka"),
      environment: process.env,
      secure: {
        keyAndCertificate: broker.key + broker.certificate,
        clientAuthorities: authority.certificate,
        users: { ...passwords, [twins[0]]: "the-password-of-twin" },
        superUser: "admin",
      },
    }),
    startPostgres({ dataDir: join(folder.path, "postgres"), fsync: false, tls: server }),
  ]);
  databaseUrl = await postgres.createDatabase("order");
  await grantAll();
}, 120_000);
afterAll(async () => {
  await Promise.all([kafka.stop(), postgres.stop(), authority.remove(), stranger.remove()]);
  await folder.remove();
});

describe("PostgreSQL", () => {
  async function isEncrypted(parameters: string, host = "localhost"): Promise<unknown> {
    const url = `${databaseUrl.replace("127.0.0.1", host)}?${parameters}`;
    const db = connectDatabase({ url, applicationName: "test", max: 1 });
    try {
      const [row] = await db.execute(sql`select ssl from pg_stat_ssl where pid = pg_backend_pid()`);
      return row?.["ssl"];
    } finally {
      await db.$client.end({ timeout: 1 });
    }
  }

  async function selectOne(url: string): Promise<unknown> {
    const db = connectDatabase({ url, applicationName: "test", max: 1 });
    try {
      return (await db.execute(sql`select 1 as one`))[0]?.["one"];
    } finally {
      await db.$client.end({ timeout: 1 });
    }
  }

  test("with verify-full and the right authority connections are encrypted, by name and by address", async () => {
    expect(await isEncrypted(`sslmode=verify-full&sslrootcert=${authority.file}`)).toBe(true);
    expect(await isEncrypted(`sslmode=verify-full&sslrootcert=${authority.file}`, "127.0.0.1")).toBe(true);
    expect(await isEncrypted("sslmode=require")).toBe(true);
    expect(await isEncrypted("sslmode=disable")).toBe(false);
  });

  test("another authority is refused with verify-full and with verify-ca, and so is the system's own list", async () => {
    await expect(isEncrypted(`sslmode=verify-full&sslrootcert=${stranger.file}`)).rejects.toThrow();
    await expect(isEncrypted(`sslmode=verify-ca&sslrootcert=${stranger.file}`)).rejects.toThrow();
    await expect(isEncrypted("sslmode=verify-full")).rejects.toThrow();
  });

  test("a certificate for another name is refused with verify-full and taken with verify-ca", async () => {
    const elsewhere = await authority.issue("DNS:order-db.example");
    const server = await startPostgres({ dataDir: join(folder.path, "elsewhere"), fsync: false, tls: elsewhere });
    try {
      expect(await selectOne(`${server.url}?sslmode=verify-ca&sslrootcert=${authority.file}`)).toBe(1);
      await expect(selectOne(`${server.url}?sslmode=verify-full&sslrootcert=${authority.file}`)).rejects.toThrow();
    } finally {
      await server.stop();
    }
  }, 120_000);

  test("a server without TLS is not spoken to in the clear when TLS is asked for", async () => {
    const server = await startPostgres({ dataDir: join(folder.path, "plain"), fsync: false });
    try {
      await expect(selectOne(`${server.url}?sslmode=require`)).rejects.toThrow();
    } finally {
      await server.stop();
    }
  }, 120_000);
});

function grantAll() {
  const more = twins.flatMap((name): readonly KafkaIdentity[] => [
    { service: "order", name },
    { service: "orchestrator", name },
  ]);
  return grantAccess({
    ...{ brokers: [kafka.brokers], prefix: "", identities: [...defaultIdentities, ...more] },
    security: { tls: tls(), sasl: { username: "admin", password: passwords.admin } },
  });
}

function openBroker(security: KafkaSecurity): Broker {
  const { logger } = capturedLogger();
  return createKafkaBroker({
    ...{ brokers: [kafka.brokers], clientId: "test", prefix: "", partitions: 2, replicationFactor: 1 },
    ...{ clock, logger, metrics: createMetrics(), security },
  });
}
const tls = () => ({ ca: authority.certificate, ...client });

describe("Kafka", () => {
  const sasl = { username: "order", password: "the-password-of-order" };

  const connect = (security: KafkaSecurity) => openBroker(security).ping();

  test("the right authority, name, password and client certificate are let in", async () => {
    await connect({ tls: tls(), sasl });
  });

  test("a broker of another authority is refused", async () => {
    await expect(connect({ tls: { ...tls(), ca: stranger.certificate }, sasl })).rejects.toThrow();
  }, 120_000);

  test("a wrong password, no password, no client certificate and no TLS are each refused", async () => {
    await expect(connect({ tls: tls(), sasl: { ...sasl, password: "guessed" } })).rejects.toThrow("SASL");
    await expect(connect({ tls: tls() })).rejects.toThrow();
    await expect(connect({ tls: { ca: authority.certificate }, sasl })).rejects.toThrow();
    await expect(connect({ sasl })).rejects.toThrow();
  }, 120_000);
});

describe("a password of Kafka that is rotated by two names that take turns", () => {
  const topic = "order.events";

  /** What a service does with Kafka, under a name of its own: it publishes without pause, and shares a group with its replicas. */
  function startMember(sasl: { username: string; password: string }, received: Set<string>) {
    const broker = openBroker({ tls: tls(), sasl });
    const subscription = broker.subscribe({
      groupId: "orchestrator",
      topics: [topic],
      async handle(records) {
        for (const { key } of records) received.add(String(key));
      },
    });
    const published: string[] = [];
    const failures: unknown[] = [];
    let going = true;
    const publishing = (async () => {
      while (going) {
        const key = `${sasl.username}-${published.length}`;
        try {
          await broker.publish([{ topic, key, value: "{}" }]);
          published.push(key);
        } catch (error) {
          failures.push(error);
        }
        await Bun.sleep(5);
      }
    })();
    return {
      ...{ published, failures },
      async stop() {
        going = false;
        await publishing;
        await subscription.stop();
        await broker.close();
      },
    };
  }

  test("fails no publication and loses no message, and the old name is let in no more", async () => {
    const received = new Set<string>();
    const [a, b] = [
      { username: twins[0], password: "the-password-of-twin" },
      { username: twins[1], password: "another-password" },
    ];
    const first = startMember(a, received);
    await eventually(() => expect(first.published.length).toBeGreaterThan(50));
    await kafka.setPassword(b.username, b.password);
    const second = startMember(b, received);
    await eventually(() => expect(second.published.length).toBeGreaterThan(50));
    await first.stop();
    await kafka.setPassword(a.username, undefined);
    const before = second.published.length;
    await eventually(() => expect(second.published.length).toBeGreaterThan(before + 50));
    await eventually(() =>
      expect([...first.published, ...second.published].filter((key) => !received.has(key))).toEqual([]),
    );
    await second.stop();
    expect([...first.failures, ...second.failures]).toEqual([]);
    await expect(openBroker({ tls: tls(), sasl: a }).ping()).rejects.toThrow("SASL");
  }, 120_000);
});

test("a service with all of it in its settings, secrets in files, works: every one of its sessions is encrypted", async () => {
  const write = async (name: string, content: string) => {
    const path = join(folder.path, name);
    await Bun.write(path, `${content}\n`);
    return path;
  };
  const managementPort = await freePort();
  const service = Bun.spawn([process.execPath, "services/order/src/main.ts"], {
    cwd: `${import.meta.dir}/../../..`,
    env: {
      PATH: process.env["PATH"],
      ENVIRONMENT: "production",
      PORT: String(await freePort()),
      MANAGEMENT_PORT: String(managementPort),
      DATABASE_URL_FILE: await write("url", `${databaseUrl}?sslmode=verify-full&sslrootcert=${authority.file}`),
      KAFKA_BROKERS: kafka.brokers,
      KAFKA_TLS: "true",
      KAFKA_TLS_CA_FILE: authority.file,
      KAFKA_TLS_CERTIFICATE_FILE: await write("certificate", client.certificate),
      KAFKA_TLS_KEY_FILE: await write("key", client.key),
      KAFKA_SASL_USERNAME: "order",
      KAFKA_SASL_PASSWORD_FILE: await write("password", "the-password-of-order"),
    },
    stdout: "ignore",
    stderr: "ignore",
  });
  const operator = connectDatabase({ url: postgres.url, applicationName: "operator", max: 1 });
  try {
    await eventually(async () => {
      const answer = await fetch(`http://127.0.0.1:${managementPort}/readyz`);
      expect(((await answer.json()) as { checks: unknown }).checks).toMatchObject({ database: "ok", kafka: "ok" });
    });
    const kinds = new Set(["order service", "outbox relay", "in flight"]);
    await eventually(async () => {
      const sessions = await operator.execute<{ kind: string; ssl: boolean }>(sql`
        select regexp_replace(application_name, ' [0-9a-f-]{36}$', '') as kind, ssl
        from pg_stat_ssl join pg_stat_activity using (pid) where datname = 'order'`);
      expect(new Set(sessions.map(({ kind }) => kind))).toEqual(kinds);
      expect(sessions.filter(({ ssl }) => !ssl)).toEqual([]);
    });
  } finally {
    service.kill("SIGTERM");
    await service.exited;
    await operator.$client.end({ timeout: 1 });
  }
}, 120_000);
