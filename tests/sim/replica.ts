import type { TokenVerifier } from "@shop/http/auth/token-verifier";
import type { Role } from "@shop/contracts/http/define";
import { instant } from "@shop/runtime/clock";
import { createLogger } from "@shop/runtime/logger";
import { createMetrics } from "@shop/runtime/metrics";
import { createParticipant } from "@shop/service/create-service";
import type { Participant } from "@shop/service/define-service";
import type { ServiceRuntime } from "@shop/service/process";
import { simulatedBroker } from "./broker/broker.ts";
import type { Kafka } from "./broker/kafka.ts";
import type { Limits } from "./limits.ts";
import type { FaultInjector } from "./fault-injector.ts";
import type { Poisons } from "./poison.ts";
import { clockOf, Process, seededIds } from "./process.ts";
import type { Scheduler } from "./scheduler.ts";
import { type ProcessDatabase, simulatedDatabase } from "./store/driver.ts";
import type { Store } from "./store/store.ts";

/** What all replicas of a run have around them. */
export interface RunEnvironment {
  readonly scheduler: Scheduler;
  readonly kafka: Kafka;
  readonly injector: FaultInjector;
  readonly poisons: Poisons;
  readonly limits: Limits;
}

/** A member is given up by its group, and a silent session by the database, after so long. */
const SESSION_TIMEOUT_MS = 6_000;
const RESTART_MS = [50, 2_500] as const;
const IDLE_SESSION_MS = 4_000;
const SILENT_TRANSACTION_MS = 5_000;

/** A token is who its bearer says to be: tokens are another service's matter. */
const verifier: TokenVerifier = {
  verify(token) {
    const [role = "", id = ""] = token.split(" ");
    return Promise.resolve({ role: role as Role, id, expiresAtMs: Number.POSITIVE_INFINITY });
  },
  fetchKeysAhead: () => Promise.resolve(),
};

interface Life {
  readonly process: Process;
  readonly running: ServiceRuntime;
  readonly database: ProcessDatabase;
}

/** One of the replicas of a service, over all its lives: the service's own code, between a simulated database driver and a simulated broker. */
export class Replica {
  readonly name: string;
  readonly participant: Participant;
  readonly #store: Store;
  readonly #around: RunEnvironment;
  #lives = 0;
  #life: Life | undefined;
  /** Whether it is started again after a crash. */
  #isMeantToRun = false;
  #clockOffsetMs = 0;

  constructor(participant: Participant, number: number, store: Store, around: RunEnvironment) {
    this.name = `${participant.name}-${number}`;
    this.participant = participant;
    this.#store = store;
    this.#around = around;
  }

  /** Its process, unless it is down. */
  get process(): Process | undefined {
    return this.#life?.process;
  }

  get app(): ServiceRuntime["app"] | undefined {
    return this.#life?.running.app;
  }

  start(): void {
    const { scheduler, kafka, injector, poisons, limits } = this.#around;
    this.#isMeantToRun = true;
    this.#lives += 1;
    const process = new Process(`${this.name}.${this.#lives}`);
    process.clockOffsetMs = this.#clockOffsetMs;
    const clock = clockOf(process, scheduler);
    const crash = () => this.crash();
    const database = simulatedDatabase({
      ...{ process, store: this.#store, scheduler, injector, crash },
      connections: limits.connections,
      onMarkedAlone: (messageId) => poisons.marked(process, messageId),
    });
    const logger = createLogger({
      ...{ service: process.name, level: "info", clock },
      write: (line) => scheduler.note(`${process.name}: says ${describe(line)}`),
    });
    const metrics = createMetrics();
    const around = { process, kafka, scheduler, injector, crash, clock, logger, metrics };
    const broker = simulatedBroker({ ...around, maxBatch: limits.handled });
    const running = createParticipant(poisons.within(this.participant, process, crash), {
      ...{ databaseUrl: "postgres://simulated", driver: database.driver, broker, verifier, clock, logger, metrics },
      identity: { release: "simulated", instance: process.name, startedAt: instant(clock) },
      ...{ ids: seededIds(scheduler), migrateAtStart: false, seedDemoData: false },
      publishes: {
        ...(limits.publishedRows === undefined ? {} : { batch: limits.publishedRows }),
        ...(limits.publishedBytes === undefined ? {} : { batchBytes: limits.publishedBytes }),
      },
    });
    this.#life = { process, running, database };
    scheduler.note(`${process.name} starts`);
    running.start();
  }

  /** Ends its process at this very moment; a new one is started soon. */
  async crash(): Promise<void> {
    const life = this.#life;
    if (life === undefined) return;
    const { process, database } = life;
    const { scheduler } = this.#around;
    this.#life = undefined;
    scheduler.note(`${process.name} crashes`);
    process.crash();
    // Either its successor takes the dead member out of the group, or its session runs out.
    const restartMs = scheduler.between(...RESTART_MS);
    const isKnownToSuccessor = scheduler.chance(0.5);
    this.#leaveGroup(process, isKnownToSuccessor ? restartMs : SESSION_TIMEOUT_MS);
    scheduler.after(restartMs, undefined, "", () => {
      if (this.#isMeantToRun && this.#life === undefined) this.start();
    });
    await database.loseAll();
  }

  /** Ends its process at this very moment, for good unless it is started again. */
  async end(): Promise<void> {
    this.#isMeantToRun = false;
    await this.crash();
  }

  /** Stops it as SIGTERM does. */
  async stop(): Promise<void> {
    this.#isMeantToRun = false;
    const life = this.#life;
    if (life === undefined) return;
    this.#around.scheduler.note(`${life.process.name} is told to stop`);
    const crashed = new Promise<void>((resolve) => {
      life.process.onCrash(() => this.#around.scheduler.after(0, undefined, "", resolve));
    });
    await Promise.race([life.running.stop(), crashed]);
    if (life.process.hasCrashed) return;
    // Whatever it has not given back goes with the process.
    this.#life = undefined;
    life.process.crash();
    this.#leaveGroup(life.process, SESSION_TIMEOUT_MS);
    await new Promise<void>((resolve) => {
      this.#around.scheduler.after(0, undefined, `${life.process.name} has stopped`, async () => {
        await life.database.loseAll();
        resolve();
      });
    });
  }

  #leaveGroup({ name }: Process, afterMs: number): void {
    const { scheduler, kafka } = this.#around;
    scheduler.after(afterMs, undefined, "", () => kafka.leave(this.participant.name, name));
  }

  /** Freezes it; what waits for it outside times out. */
  freeze(ms: number): void {
    const life = this.#life;
    if (life === undefined) return;
    const { process, database } = life;
    const { scheduler, kafka } = this.#around;
    const until = scheduler.now + ms;
    process.frozenUntil = until;
    scheduler.note(`${process.name} freezes for ${Math.round(ms)} ms`);
    const ifStillFrozen = (afterMs: number, act: () => Promise<void> | void) =>
      scheduler.after(afterMs, undefined, "", () =>
        process.frozenUntil === until && ms > afterMs && !process.hasCrashed ? act() : undefined,
      );
    ifStillFrozen(IDLE_SESSION_MS, () => database.loseSilent("idle"));
    ifStillFrozen(SILENT_TRANSACTION_MS, () => database.loseSilent("in a transaction"));
    ifStillFrozen(SESSION_TIMEOUT_MS, () => kafka.leave(this.participant.name, process.name));
  }

  thaw(): void {
    if (this.#life) this.#life.process.frozenUntil = 0;
  }

  /** Sets the time of day of its machine. */
  setClock(offsetMs: number): void {
    this.#clockOffsetMs = offsetMs;
    if (this.#life) this.#life.process.clockOffsetMs = offsetMs;
  }

  /** All its connections break. */
  async loseConnections(): Promise<void> {
    await this.#life?.database.loseAll();
  }
}

/** A log line without its times and stacks. */
function describe(line: string): string {
  const { level, message, error, problem } = JSON.parse(line);
  return [level, message, error?.message?.slice(0, 200), error?.cause?.message?.slice(0, 200), problem]
    .filter(Boolean)
    .join(" | ");
}
