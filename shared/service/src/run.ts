import { hostname } from "node:os";
import type { z } from "zod";
import { createKeySource } from "@shop/http/auth/key-source";
import { createTokenVerifier } from "@shop/http/auth/token-verifier";
import { createKafkaBroker } from "@shop/messaging/kafka/kafka-broker";
import { defaultRetention } from "@shop/messaging/purge";
import { loadConfig } from "@shop/runtime/config";
import { uuidV7 } from "@shop/runtime/ids";
import type { DatabaseContext } from "./context.ts";
import { createParticipant, createStandalone } from "./create-service.ts";
import type { Participant, Standalone } from "./define-service.ts";
import { runProcess } from "./process.ts";
import {
  databaseRules,
  databaseSettings,
  kafkaSecurity,
  messagingRules,
  messagingSettings,
  processSettings,
  streamLimits,
  streamSettings,
  tokenSettings,
} from "./settings.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** The process of a service that owns a database, with the settings of its environment. */
export function runService<Context extends DatabaseContext>(
  service: Participant | Standalone<Context>,
  environment: Environment,
): Promise<void> {
  if (service.messaging !== undefined) return runParticipant(service, environment);
  const settings = { ...processSettings(service.name), ...databaseSettings };
  const config = loadConfig(settings, environment, { rules: databaseRules });
  return runProcess({
    name: service.name,
    settings: config,
    build: (parts) => createStandalone(service, { ...databaseFrom(config), ids: uuidV7, ...parts }),
  });
}

function databaseFrom(config: z.infer<z.ZodObject<typeof databaseSettings>>) {
  return {
    databaseUrl: config.DATABASE_URL,
    migrationDatabaseUrl: config.MIGRATION_DATABASE_URL,
    migrateAtStart: config.MIGRATE_AT_START,
    seedDemoData: config.SEED_DEMO_DATA,
    auditTrailDays: config.AUDIT_TRAIL_DAYS,
  };
}

function runParticipant(participant: Participant, environment: Environment): Promise<void> {
  const config = loadConfig(
    {
      ...processSettings(participant.name),
      ...tokenSettings,
      ...streamSettings,
      ...databaseSettings,
      ...messagingSettings,
    },
    environment,
    { rules: [...databaseRules, ...messagingRules] },
  );
  return runProcess({
    name: participant.name,
    settings: config,
    build: ({ identity, clock, logger, metrics, tracing }) => {
      const verifier = createTokenVerifier({
        ...createKeySource(config.JWKS_URL, { clock, logger, metrics }),
        issuer: config.TOKEN_ISSUER,
        audience: config.TOKEN_AUDIENCE,
        clock,
        logger,
      });
      void verifier.fetchKeysAhead();
      const broker = createKafkaBroker({
        brokers: config.KAFKA_BROKERS,
        security: kafkaSecurity(config),
        clientId: participant.name,
        instance: { host: hostname(), pid: process.pid },
        prefix: config.TOPIC_PREFIX,
        partitions: config.KAFKA_PARTITIONS,
        replicationFactor: config.KAFKA_REPLICATION_FACTOR,
        clock,
        logger,
        metrics,
      });
      return createParticipant(participant, {
        ...databaseFrom(config),
        retention: { ...defaultRetention, settledDeadLetterMs: config.SETTLED_DEAD_LETTER_DAYS * 24 * 3_600_000 },
        streamLimits: streamLimits(config),
        ...{ broker, verifier, identity, clock, ids: uuidV7, logger, metrics, tracing },
      });
    },
  });
}
