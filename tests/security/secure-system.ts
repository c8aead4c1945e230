import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { dataFolder } from "@shop/local/infrastructure";
import { startKafka } from "@shop/local/kafka";
import { createAuthority } from "@shop/local/testing/certificates";
import { defaultIdentities, grantAccess } from "@shop/messaging/kafka/access";
import { Kafka, logLevel } from "kafkajs";
import { startTestSystem, type TestSystem } from "../support/test-system.ts";

/** A system as an operator is to run it: each service has a role and a name of its own, with the rights that it needs. */
export interface SecureSystem extends TestSystem {
  /** A client with the name of a service at Kafka, or with that of the operator, who may do everything. */
  kafkaAs(name: string): Kafka;
  /** Gives the services their access rules again. */
  grant(): ReturnType<typeof grantAccess>;
}

/** One system of real processes on a Kafka with TLS, SCRAM and access rules, and on databases with run-time roles. */
export async function startSecureSystem(): Promise<SecureSystem> {
  const [folder, authority] = await Promise.all([dataFolder(), createAuthority()]);
  const names = [...defaultIdentities.map(({ name }) => name), "operator"];
  const users = Object.fromEntries(names.map((name) => [name, randomBytes(12).toString("hex")]));
  const { key, certificate } = await authority.issue("DNS:localhost,IP:127.0.0.1");
  const kafka = await startKafka({
    dataDir: join(folder.path, "kafka"),
    environment: process.env,
    secure: { keyAndCertificate: key + certificate, users, superUser: "operator" },
  });
  const topicPrefix = "secure.";
  const grant = () =>
    grantAccess({
      ...{ brokers: [kafka.brokers], prefix: topicPrefix, identities: defaultIdentities },
      security: {
        tls: { ca: authority.certificate },
        sasl: { username: "operator", password: users["operator"] ?? "" },
      },
    });
  await grant();
  const shop = await startTestSystem({
    kafkaBrokers: kafka.brokers,
    settings: { TOPIC_PREFIX: topicPrefix, KAFKA_TLS: "true", KAFKA_TLS_CA_FILE: authority.file },
    settingsOf: (_replica, service) =>
      service in users ? { KAFKA_SASL_USERNAME: service, KAFKA_SASL_PASSWORD: users[service] ?? "" } : {},
  });
  return {
    ...shop,
    grant,
    kafkaAs: (name) =>
      new Kafka({
        ...{ brokers: [kafka.brokers], logLevel: logLevel.NOTHING, retry: { retries: 0 } },
        ssl: { ca: authority.certificate },
        sasl: { mechanism: "scram-sha-512", username: name, password: users[name] ?? "" },
      }),
    async stop() {
      await shop.stop();
      await Promise.all([kafka.stop(), authority.remove()]);
      await folder.remove();
    },
  };
}
