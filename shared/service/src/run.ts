import type { HttpApp } from "@shop/http/app";
import { createManagementApp, type Readiness } from "@shop/http/management";
import { ListenError, serve } from "@shop/http/serve";
import { createTokenVerifier } from "@shop/http/token-verifier";
import { createKafkaBroker } from "@shop/messaging/kafka/kafka-broker";
import { type Clock, systemClock } from "@shop/runtime/clock";
import { ConfigError, loadConfig } from "@shop/runtime/config";
import { uuidV7 } from "@shop/runtime/ids";
import { createLogger, type Logger } from "@shop/runtime/logger";
import { createMetrics, type Metrics } from "@shop/runtime/metrics";
import { stopInOrder, stopOnSignal } from "@shop/runtime/shutdown";
import { createParticipant, type Participant } from "./participant.ts";
import { databaseSettings, messagingSettings, processSettings, tokenSettings } from "./settings.ts";

/** What a process is, once it has been built. */
export interface Built {
  readonly app: HttpApp;
  ready(): Promise<Readiness>;
  start(): void;
  stop(): Promise<void>;
}

/** What every process is built with. */
export interface ProcessParts {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

interface ProcessOptions {
  readonly name: string;
  readonly settings: { readonly PORT: number; readonly MANAGEMENT_PORT: number; readonly LOG_LEVEL: "debug" | "info" | "warn" | "error" };
  readonly build: (parts: ProcessParts) => Built;
}

/**
 * Starts a process. What its operator can set right, a missing setting or a port in use, is said in a sentence instead of a stack trace.
 */
export function startOrExplain(start: () => void): void {
  try {
    start();
  } catch (error) {
    if (!(error instanceof ConfigError) && !(error instanceof ListenError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  }
}

/** Builds a process, opens its ports, starts its work, and stops it in order on SIGTERM: requests first, then the work behind them. */
export function runProcess({ name, settings, build }: ProcessOptions): void {
  const clock = systemClock;
  const logger = createLogger({ service: name, level: settings.LOG_LEVEL, clock });
  const metrics = createMetrics();
  const built = build({ clock, logger, metrics });
  const managementApp = createManagementApp({ ready: () => built.ready(), metrics });
  const listening = serve({ app: built.app, managementApp, port: settings.PORT, managementPort: settings.MANAGEMENT_PORT, logger });
  const parts = [
    { name: "HTTP", stop: () => listening.stop() },
    { name: name, stop: () => built.stop() },
  ];
  stopOnSignal(() => stopInOrder(parts, logger), logger);
  built.start();
}

/** A participant's process, with the settings of its environment. */
export function runParticipant(participant: Participant, environment: Readonly<Record<string, string | undefined>>): void {
  const config = loadConfig({ ...processSettings, ...tokenSettings, ...databaseSettings, ...messagingSettings }, environment);
  runProcess({
    name: participant.name,
    settings: config,
    build: ({ clock, logger, metrics }) => {
      const verifier = createTokenVerifier({
        jwksUrl: config.JWKS_URL,
        issuer: config.TOKEN_ISSUER,
        audience: config.TOKEN_AUDIENCE,
        clock,
        logger,
      });
      const broker = createKafkaBroker({
        brokers: config.KAFKA_BROKERS,
        clientId: participant.name,
        prefix: config.TOPIC_PREFIX,
        partitions: config.KAFKA_PARTITIONS,
        replicationFactor: config.KAFKA_REPLICATION_FACTOR,
        clock,
        logger,
        metrics,
      });
      const dependencies = { databaseUrl: config.DATABASE_URL, broker, verifier, clock, ids: uuidV7, logger, metrics };
      return createParticipant(participant, { ...dependencies, seedDemoData: config.SEED_DEMO_DATA });
    },
  });
}
