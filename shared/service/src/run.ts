import { hostname } from "node:os";
import { createKeySource } from "@shop/http/auth/key-source";
import { createTokenVerifier } from "@shop/http/auth/token-verifier";
import { createKafkaBroker } from "@shop/messaging/kafka/kafka-broker";
import { defaultRetention } from "@shop/messaging/purge";
import { loadConfig } from "@shop/runtime/config";
import { uuidV7 } from "@shop/runtime/ids";
import { createParticipant, type Participant } from "./participant.ts";
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

/** A participant's process, with the settings of its environment. */
export function runParticipant(
  participant: Participant,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<void> {
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
        databaseUrl: config.DATABASE_URL,
        migrationDatabaseUrl: config.MIGRATION_DATABASE_URL,
        migrateAtStart: config.MIGRATE_AT_START,
        seedDemoData: config.SEED_DEMO_DATA,
        retention: { ...defaultRetention, settledDeadLetterMs: config.SETTLED_DEAD_LETTER_DAYS * 24 * 3_600_000 },
        streamLimits: streamLimits(config),
        auditTrailDays: config.AUDIT_TRAIL_DAYS,
        ...{ broker, verifier, identity, clock, ids: uuidV7, logger, metrics, tracing },
      });
    },
  });
}
