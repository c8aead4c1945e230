import type { ServiceName, Topic } from "@shop/contracts/messages/define";
import { connectDatabase } from "@shop/database/connect";
import { isTransient } from "@shop/database/errors";
import { migrate } from "@shop/database/migrate";
import { createApp, type HttpApp } from "@shop/http/app";
import type { Readiness } from "@shop/http/management";
import type { TokenVerifier } from "@shop/http/token-verifier";
import type { Broker } from "@shop/messaging/broker";
import type { MessageHandlers } from "@shop/messaging/handlers";
import { createMessaging } from "@shop/messaging/messaging";
import { defaultRetention } from "@shop/messaging/purge";
import { backoffMs } from "@shop/runtime/backoff";
import type { Clock } from "@shop/runtime/clock";
import type { IdSource } from "@shop/runtime/ids";
import type { Logger } from "@shop/runtime/logger";
import type { Metrics } from "@shop/runtime/metrics";
import { sql } from "drizzle-orm";
import type { ServiceContext } from "./context.ts";

/** Work beside requests and messages, such as timers. It runs until `signal` is aborted. */
export type BackgroundWork = (context: ServiceContext, signal: AbortSignal) => Promise<void>;

/** Something of its own that a service needs before it is ready: gives `ok`, or says what is missing. */
export interface ReadinessCheck {
  readonly name: string;
  readonly check: (context: ServiceContext) => Promise<string>;
}

/** What makes a service that takes part in the saga: its table of contents. */
export interface Participant {
  readonly name: ServiceName;
  /** The folder of its migrations. */
  readonly migrations: string;
  /** The topics that it consumes; every replica the same ones. */
  readonly topics: readonly Topic[];
  readonly handlers: (context: ServiceContext) => MessageHandlers;
  readonly routes: (app: HttpApp, context: ServiceContext) => void;
  readonly background?: readonly BackgroundWork[];
  readonly readiness?: ReadinessCheck;
  /** Stores what a demonstration needs; idempotent. */
  readonly seedDemoData?: (context: ServiceContext) => Promise<void>;
}

/** What a participant is built from. */
export interface ParticipantDependencies {
  readonly databaseUrl: string;
  readonly broker: Broker;
  readonly verifier: TokenVerifier;
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly seedDemoData: boolean;
}

export interface RunningParticipant {
  readonly app: HttpApp;
  ready(): Promise<Readiness>;
  /** Migrates, seeds, and then begins to consume and publish; waits for the database for as long as it is away. */
  start(): void;
  /** Finishes what is in hand. The HTTP side must have been stopped before. */
  stop(): Promise<void>;
}

const START_BACKOFF = { firstMs: 100, maxMs: 1_000 };
const READY_CHECK_TIMEOUT_MS = 1_000;

/** Builds a service from its parts. Nothing is opened before `start`. */
export function createParticipant(participant: Participant, dependencies: ParticipantDependencies): RunningParticipant {
  const { name, migrations, topics, background = [], readiness } = participant;
  const { databaseUrl, broker, verifier, clock, ids, logger, metrics } = dependencies;
  const db = connectDatabase({ url: databaseUrl, applicationName: `${name} service` });
  const retention = defaultRetention;
  const messaging = createMessaging({ db, databaseUrl, broker, groupId: name, retention, clock, ids, logger, metrics });
  const context: ServiceContext = {
    db,
    outbox: messaging.outbox,
    wakeRelay: messaging.wakeRelay,
    clock,
    ids,
    logger,
    metrics,
  };
  const stopping = new AbortController();
  let prepared = false;
  let working: Promise<void> | undefined;

  const app = createApp({
    service: name,
    logger,
    clock,
    metrics,
    verifier,
    // Before the migrations are through, a failing statement says nothing about the request.
    isUnavailable: (error) => !prepared || isTransient(error),
  });
  participant.routes(app, context);

  async function prepare(): Promise<void> {
    for (let attempt = 1; !stopping.signal.aborted; attempt += 1) {
      try {
        await migrate(databaseUrl, migrations);
        if (dependencies.seedDemoData) await participant.seedDemoData?.(context);
        prepared = true;
        return;
      } catch (error) {
        // A migration that is wrong is no matter of waiting; the operator must see it at once.
        if (!isTransient(error)) throw error;
        if (attempt === 1 || attempt % 10 === 0) logger.warn("waiting for the database", { attempt, error });
        await clock.sleep(backoffMs(START_BACKOFF, attempt), stopping.signal);
      }
    }
  }

  async function work(): Promise<void> {
    await prepare();
    if (stopping.signal.aborted) return;
    messaging.start(topics, participant.handlers(context));
    await Promise.all(background.map((run) => run(context, stopping.signal)));
  }

  /** What a check answers, or that it does not in time: a probe must not hang with what it probes. */
  async function inTime(check: Promise<string>): Promise<string> {
    const answer = check.catch((error: unknown) => `does not answer: ${String(error)}`);
    return Promise.race([answer, clock.sleep(READY_CHECK_TIMEOUT_MS).then(() => "does not answer in time")]);
  }

  async function checkAll(): Promise<Readonly<Record<string, string>>> {
    if (!prepared) return { database: "waiting for the database and its migrations" };
    const database = await inTime(db.execute(sql`select 1`).then(() => "ok"));
    if (readiness === undefined) return { database };
    return { database, [readiness.name]: await inTime(readiness.check(context)) };
  }

  return {
    app,
    async ready() {
      const needed = await checkAll();
      const ready = Object.values(needed).every((answer) => answer === "ok");
      // Kafka may be away: requests are still taken, their messages wait in the outbox.
      return {
        ready,
        checks: { ...needed, kafka: messaging.isHealthy() ? "ok" : "not a member of the consumer group" },
      };
    },
    start() {
      working ??= work();
    },
    async stop() {
      stopping.abort();
      await messaging.stop();
      await working;
      await db.$client.end({ timeout: 2 });
    },
  };
}
