import type postgres from "postgres";
import type { Asked, FaultInjector } from "../fault-injector.ts";
import type { Process } from "../process.ts";
import type { Scheduler } from "../scheduler.ts";
import type { Operation } from "./operations.ts";
import { atSimulatedTime, type Session, SESSION_NAME, type Store } from "./store.ts";

/** What the connections of one process have in common. */
export interface Environment {
  readonly process: Process;
  readonly store: Store;
  readonly scheduler: Scheduler;
  readonly injector: FaultInjector;
  /** Ends the process at this very moment. */
  readonly crash: (process: Process) => Promise<void>;
}

/** A statement that waits longer for a lock is ended by the server, as `connectDatabase` asks it to, unless its client or its transaction asks for another. */
const LOCK_TIMEOUT_MS = 1_000;

/** Statements that may wait for a lock. */
const LOCKS = /\b(?:insert|update|delete|share)\b/i;

const SENDS = /insert into outbox\b/i;

/** The driver's errors, by their codes. */
const failure = (code: string, message: string) => Object.assign(new Error(message), { code });

interface ConnectionOptions {
  readonly onLost?: () => void;
  /** For how long its statements wait for a lock, in simulated milliseconds. */
  readonly lockTimeoutMs?: number;
  /** Of its session, by which the server shows that it is there. */
  readonly name?: string;
}

/** A connection of a process to its database: a session of its own from its first statement to its end or its loss. What is asked of it is done in turn. */
export class Connection {
  readonly #around: Environment;
  readonly #onLost: () => void;
  readonly #name: string;
  #session: Session | undefined;
  #isTaking = false;
  #operation: Operation | undefined;
  #isLost = false;
  #tail: Promise<unknown> = Promise.resolve();
  readonly #ownLockTimeoutMs: number;
  #lockTimeoutMs: number;
  inTransaction = false;

  constructor(
    around: Environment,
    { onLost = () => undefined, lockTimeoutMs = LOCK_TIMEOUT_MS, name = SESSION_NAME }: ConnectionOptions = {},
  ) {
    this.#around = around;
    this.#onLost = onLost;
    this.#ownLockTimeoutMs = lockTimeoutMs;
    this.#lockTimeoutMs = lockTimeoutMs;
    this.#name = name;
  }

  get isLost(): boolean {
    return this.#isLost;
  }

  /** Has a statement done. @param text of it */
  ask(asked: Asked, text: string, send: (client: postgres.Sql) => Promise<unknown>): Promise<unknown> {
    const answer = this.#tail.then(() => this.#askNext(asked, text, send));
    this.#tail = answer.catch(() => undefined);
    return answer;
  }

  /**
   * Sets for how long its statements wait for a lock until the transaction ends, in simulated milliseconds. The server is not told: it would
   * count real ones.
   */
  setLockTimeout(ms: number): Promise<void> {
    const set = this.#tail.then(() => {
      this.#lockTimeoutMs = ms;
    });
    this.#tail = set;
    return set;
  }

  #askNext(asked: Asked, text: string, send: (client: postgres.Sql) => Promise<unknown>): Promise<unknown> {
    const { process, scheduler, injector, crash, store } = this.#around;
    return new Promise((resolve, reject) => {
      const answer = (tell: () => void) =>
        void scheduler.after(scheduler.chance(0.5) ? 0 : injector.latencyMs(), process, "", tell);
      const closed = () => answer(() => reject(failure("CONNECTION_CLOSED", "write CONNECTION_CLOSED")));
      const turn = async (): Promise<void> => {
        if (asked === "statement" && LOCKS.test(text) && !(await scheduler.outside(store.mayLock(this.#session)))) {
          store.deferred.push(() => void scheduler.after(0, process, "", turn));
          return;
        }
        // A statement that is no part of a transaction and writes the outbox commits by itself.
        const commits = asked === "statement" && !this.inTransaction && SENDS.test(text);
        const fate = injector.fateOf(process, commits ? "commit" : asked);
        if (fate === "crash before") return crash(process);
        if (this.#isLost) return closed();
        if (store.isAway) {
          await this.lose();
          return answer(() => reject(failure("ECONNREFUSED", "connect ECONNREFUSED")));
        }
        if (fate === "refused") {
          scheduler.note(`${process.name}: … its connection is lost before`);
          await this.lose();
          return closed();
        }
        if (asked === "begin") {
          this.inTransaction = true;
          return answer(() => resolve([]));
        }
        const session = await this.#take();
        const operation = store.operations.start(
          session.pid,
          () => atSimulatedTime(session, scheduler, text, (client) => this.#send(session, client, send)),
          async (outcome) => {
            this.#operation = undefined;
            if (outcome.kind === "failed") store.noteRefusal(outcome.error);
            if (this.#isLost) return closed();
            if (asked === "commit") this.#haveEnded(session);
            // A time that was told since then went with it.
            if (text.startsWith("rollback")) session.knownNow = undefined;
            if (fate === "crash after") return crash(process);
            if (fate === "unanswered") {
              scheduler.note(`${process.name}: … done, and its connection is lost after`);
              await this.lose();
              return closed();
            }
            answer(() => (outcome.kind === "done" ? resolve(outcome.rows) : reject(translated(outcome.error))));
          },
        );
        this.#operation = operation;
        await scheduler.outside(store.operations.untilStill(operation));
        if (asked === "commit") await store.release(scheduler);
        else await store.operations.deliver();
        if (store.operations.isWorking(operation)) this.#waitForLock(session, operation);
      };
      scheduler.after(injector.latencyMs(), process, `${store.service} db: ${labelOf(text)}`, turn);
    });
  }

  /** A transaction takes nothing before its first statement, which brings its begin along. */
  async #send(session: Session, client: postgres.Sql, send: (client: postgres.Sql) => Promise<unknown>) {
    if (!this.inTransaction || session.inTransaction) return send(client);
    session.inTransaction = true;
    const begun = client.unsafe("begin deferrable").execute();
    const [, result] = await Promise.all([begun, send(client)]);
    return result;
  }

  #haveEnded(session: Session): void {
    this.inTransaction = false;
    this.#lockTimeoutMs = this.#ownLockTimeoutMs;
    session.inTransaction = false;
  }

  async #take(): Promise<Session> {
    if (this.#session === undefined) {
      if (this.#isTaking) throw new Error("a connection is asked for two things at once");
      this.#isTaking = true;
      this.#session = await this.#around.scheduler.outside(this.#takeNamed());
      this.#isTaking = false;
    }
    return this.#session;
  }

  async #takeNamed(): Promise<Session> {
    const session = await this.#around.store.take();
    if (this.#name !== SESSION_NAME) await nameSession(session, this.#name);
    return session;
  }

  #waitForLock(session: Session, operation: Operation): void {
    const { process, scheduler, store } = this.#around;
    scheduler.note(`${process.name}: … waits for a lock`);
    scheduler.after(this.#lockTimeoutMs, undefined, "", async () => {
      if (!store.operations.isWorking(operation)) return;
      scheduler.note(`${process.name}: … has waited too long for a lock`);
      await scheduler.outside(store.cancel(session).then(() => operation.settled));
      await store.release(scheduler);
    });
  }

  /** Gives the session back, which the process has no more use for. Nothing may be under way on it. */
  end(): void {
    const session = this.#session;
    this.#session = undefined;
    if (session) this.#around.store.giveBack(session);
  }

  /** The connection breaks: what is under way is rolled back, its locks are released. */
  async lose(): Promise<void> {
    if (this.#isLost) return;
    this.#isLost = true;
    const { process, store, scheduler } = this.#around;
    scheduler.after(0, process, "", this.#onLost);
    const session = this.#session;
    this.#session = undefined;
    if (session === undefined) return;
    const operation = this.#operation;
    await scheduler.outside(
      (async () => {
        if (operation !== undefined && operation.outcome === undefined) {
          await store.cancel(session);
          await operation.settled;
        }
        if (session.inTransaction) await session.client.unsafe("rollback");
        await session.client`select pg_advisory_unlock_all()`;
        if (this.#name !== SESSION_NAME) await nameSession(session, SESSION_NAME);
      })(),
    );
    this.#haveEnded(session);
    session.knownNow = undefined;
    store.giveBack(session);
    await store.release(scheduler);
  }
}

const nameSession = ({ client }: Session, name: string) =>
  client`select set_config('application_name', ${name}, false)`;

/** The beginning of a statement, for the trace. */
function labelOf(text: string): string {
  const flat = text.replaceAll(/\s+/g, " ").trim();
  return flat.length > 160 ? `${flat.slice(0, 160)}…` : flat;
}

/** A statement is cancelled here only for having waited for a lock: the server has another code for that. */
function translated(error: unknown): unknown {
  const isCancelled = error instanceof Error && "code" in error && error.code === "57014";
  return isCancelled ? failure("55P03", "canceling statement due to lock timeout") : error;
}
