import type { MessageDefinition } from "@shop/contracts/messages/define";
import type { Transaction } from "@shop/database/connect";
import type { Outgoing } from "@shop/messaging/outbox/outgoing";
import { errorText } from "@shop/runtime/errors";
import { isSampled, traceIdOf } from "@shop/runtime/trace";
import type { ServiceContext } from "@shop/service/context";
import { advance, type Advanced, type CommandToSend, type SagaEvent } from "./advance.ts";
import type { SagaDefinition } from "./definition.ts";
import { markStuck } from "./mark-stuck.ts";
import { inAdvanceSpan } from "./advance-span.ts";
import { type SagaMetrics, sagaMetricsOf } from "./metrics.ts";
import { hasEnded, type HistoryEntry, type SagaState } from "./state.ts";
import { type SagaToSave, save } from "./store.ts";
import type { SagaVersions } from "./versions.ts";

export type RunContext = Pick<ServiceContext, "clock" | "ids" | "logger" | "metrics" | "tracing">;

/** How soon the command of a saga that this release does not know is retried, in milliseconds, after a message for it reached this release. */
const LEFT_TO_OTHERS_MS = 5_000;

/** The sagas of one transaction while events are applied to them. A saga to which an event cannot be applied does not fail the others. */
export class SagaBatch<Data, Reason extends string> {
  readonly #context: RunContext;
  readonly #metrics: SagaMetrics;
  readonly #versions: SagaVersions<Data, Reason>;
  readonly #now: number;
  readonly #states: Map<string, SagaState<Data, Reason>>;
  readonly #readRevisions: ReadonlyMap<string, number>;
  readonly #history = new Map<string, readonly HistoryEntry[]>();
  readonly #outgoing: Outgoing[] = [];

  /** @param states by key, as they were read and locked */
  constructor(
    context: RunContext,
    versions: SagaVersions<Data, Reason>,
    states: ReadonlyMap<string, SagaState<Data, Reason>>,
  ) {
    this.#context = context;
    this.#metrics = sagaMetricsOf(context.metrics, versions);
    this.#versions = versions;
    this.#now = context.clock.now();
    this.#states = new Map(states);
    this.#readRevisions = new Map([...states].map(([key, { revision }]) => [key, revision]));
  }

  /** @throws when a saga cannot begin with this message: then there is none that could be shown as stuck; or what an admin asks for cannot be done */
  apply(key: string, event: SagaEvent): void {
    const { tracing } = this.#context;
    if (tracing === undefined) this.#apply(key, event);
    else
      inAdvanceSpan(
        tracing,
        { event, about: { [this.#versions.newest.keyField]: key }, stateOf: () => this.#states.get(key) },
        (own) => this.#apply(key, own),
      );
  }

  #apply(key: string, event: SagaEvent): void {
    const state = this.#states.get(key);
    if (state && hasEnded(state)) return;
    const definition = state === undefined ? this.#versions.newest : this.#versions.find(state.version);
    if (definition === undefined) {
      if (state) this.#leaveToOthers(state, event);
      return;
    }
    let advanced: Advanced<Data, Reason> | null;
    try {
      advanced = advance(definition, state, event, this.#now, { id: this.#context.ids(), key });
      // Commands are validated here, since the outbox would fail the whole batch.
      if (advanced !== null) advanced = { ...advanced, send: advanced.send.map(validated) };
    } catch (error) {
      if (state === undefined || event.kind === "admin") throw error;
      this.#markStuck(state, event, error);
      return;
    }
    if (advanced !== null) this.#take(key, state, event, advanced, definition);
    else if (state === undefined && event.kind === "message") this.#reportUnknown(key, event.type);
  }

  /** How a saga stands after the events that were applied to it. */
  stateOf(key: string): SagaState<Data, Reason> | undefined {
    return this.#states.get(key);
  }

  async save(tx: Transaction): Promise<readonly Outgoing[]> {
    const changed: SagaToSave[] = [];
    for (const [key, history] of this.#history) {
      const state = this.#states.get(key);
      if (state) changed.push({ state, readRevision: this.#readRevisions.get(key), history });
    }
    if (changed.length > 0) await save(tx, changed, this.#now);
    return this.#outgoing;
  }

  #take(
    key: string,
    before: SagaState<Data, Reason> | undefined,
    event: SagaEvent,
    { state, send, history }: Advanced<Data, Reason>,
    saga: SagaDefinition<Data, Reason>,
  ): void {
    const { logger } = this.#context;
    this.#note(state, history);
    const causedBy = event.traceparent ?? state.traceparent ?? undefined;
    this.#metrics.advanced(saga, before, state, event.kind, this.#now, this.#traceIdOf(causedBy));
    for (const { definition, data } of send)
      this.#outgoing.push({ definition, key, data, causedBy, isValidated: true });
    if (event.kind === "timer" && before?.step === state.step) {
      for (const { definition } of send) this.#logRetry(saga, state, definition);
    }
    if (state.stuckSince !== null && before?.stuckSince === null) {
      logger.warn(
        "SAGA_STUCK_NO_REPLY",
        "a saga is stuck: its participant did not reply within the deadline; the command is retried",
        {
          ...this.#about(key),
          sagaId: state.id,
          step: state.step,
          service: send[0]?.definition.receivers[0],
          attempts: state.attempts,
          remedy:
            "see that the service of this step runs and what its dead letters say; then POST /api/sagas/{id}/retry",
        },
      );
    }
  }

  /** Names what waits and the service that owes the answer: a command goes to one service. */
  #logRetry(
    saga: SagaDefinition<Data, Reason>,
    { id, key, step, attempts, stuckSince }: SagaState<Data, Reason>,
    { type, receivers }: MessageDefinition,
  ): void {
    const [service] = receivers;
    const facts = {
      ...{ ...this.#about(key), sagaId: id, step, command: type, service, attempts, isStuck: stuckSince !== null },
      remedy: saga.remedy(key),
    };
    const { logger } = this.#context;
    if (step === saga.pivot.name)
      logger.info(
        "SAGA_REMINDER_SENT",
        "a reminder was sent while the saga waits at its pivot, in case a message was lost",
        facts,
      );
    else logger.info("SAGA_COMMAND_RETRIED", "a command was retried: the service has not replied", facts);
  }

  #markStuck(state: SagaState<Data, Reason>, event: SagaEvent, error: unknown): void {
    const { logger } = this.#context;
    const problem = errorText(error);
    const stuck = markStuck(state, event.kind === "message" ? event.type : null, problem, this.#now);
    this.#note(stuck.state, stuck.history);
    if (state.stuckSince === null) {
      this.#metrics.stuck(state.step);
      logger.warn(
        "SAGA_STUCK_EVENT_FAILED",
        "a saga is stuck: an event cannot be applied to it; other sagas continue, and it is retried every minute",
        {
          ...this.#about(state.key),
          sagaId: state.id,
          version: state.version,
          step: state.step,
          trigger: event.kind === "message" ? event.type : event.kind,
          error,
          remedy: "compare the saga's row with its definition; a release that can go on with it does so by itself",
        },
      );
    }
  }

  /** A rolling upgrade, or one that was rolled back: another release has started this saga. It becomes due soon, so that a release that knows it retries the command. */
  #leaveToOthers(state: SagaState<Data, Reason>, event: SagaEvent): void {
    const { logger } = this.#context;
    const { key, version, revision } = state;
    const soon = this.#now + LEFT_TO_OTHERS_MS;
    if (state.nextAttemptAt === null || state.nextAttemptAt > soon)
      this.#note({ ...state, nextAttemptAt: soon, revision: revision + 1 }, []);
    this.#metrics.ofOtherRelease();
    logger.warn(
      "SAGA_VERSION_UNKNOWN",
      "dropped a message for a saga of another release; a release that knows its version retries the command",
      {
        ...this.#about(key),
        version,
        type: event.kind === "message" ? event.type : event.kind,
      },
    );
  }

  #reportUnknown(key: string, type: string): void {
    this.#metrics.unknown(type);
    this.#context.logger.warn(
      "SAGA_UNKNOWN",
      "dropped a message whose saga has not started; when it starts it sends its commands",
      {
        ...this.#about(key),
        type,
      },
    );
  }

  /** The trace that a value of a histogram stands for; none where traces are not exported. */
  #traceIdOf(causedBy: string | undefined): string | undefined {
    if (this.#context.tracing === undefined || causedBy === undefined) return undefined;
    return isSampled(causedBy) ? traceIdOf(causedBy) : undefined;
  }

  /** What a saga is about, for a log line, with the trace that began it. */
  #about(key: string): Readonly<Record<string, string>> {
    const traceparent = this.#states.get(key)?.traceparent;
    return {
      [this.#versions.newest.keyField]: key,
      ...(typeof traceparent === "string" && { traceId: traceIdOf(traceparent) }),
    };
  }

  #note(state: SagaState<Data, Reason>, history: readonly HistoryEntry[]): void {
    this.#states.set(state.key, state);
    this.#history.set(state.key, [...(this.#history.get(state.key) ?? []), ...history]);
  }
}

/** @throws ZodError when a command's data does not fit its schema */
const validated = ({ definition, data }: CommandToSend): CommandToSend => ({
  definition,
  data: definition.data.parse(data),
});
