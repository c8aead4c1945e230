import type { MessageDefinition } from "@shop/contracts/messages/define";
import { backoffMs } from "@shop/runtime/backoff";
import { ExplainedError } from "@shop/runtime/errors";
import type {
  Command,
  CompensatableStep,
  EngineReason,
  Outcome,
  Reply,
  RetriableStep,
  RetryPolicy,
  SagaDefinition,
} from "./definition.ts";
import { hasEnded, type HistoryEntry, type SagaState } from "./state.ts";

/** The events of a saga: a message, its timer, or an admin's request. */
export type SagaEvent =
  | {
      readonly kind: "message";
      readonly type: string;
      readonly data: unknown;
      readonly traceparent: string | undefined;
    }
  | {
      readonly kind: "timer";
      /** The span of the timer where it is traced; commands follow from it instead of from what began the saga. */
      readonly traceparent?: string;
    }
  | {
      readonly kind: "admin";
      readonly request: AdminRequest;
      /** The admin's id, for the history. */
      readonly by: string;
      readonly traceparent: string | undefined;
    };

/** `retry`: send the current step's command now, with fresh attempts and deadline. `cancel`: compensate, unless the pivot has been passed. */
export type AdminRequest = "retry" | "cancel";

export interface CommandToSend {
  readonly definition: MessageDefinition;
  readonly data: unknown;
}

/** The result of an event. `null` means that it changes nothing: it is late, repeated, or about no saga. */
export interface Advanced<Data, Reason extends string> {
  readonly state: SagaState<Data, Reason>;
  readonly send: readonly CommandToSend[];
  readonly history: readonly HistoryEntry[];
}

export interface Beginning {
  /** The id for a saga that begins with this event. */
  readonly id: string;
  /** What the saga is about: the key of its messages. */
  readonly key: string;
}

/**
 * The saga engine: the result of an event, as a pure function of the definition, the saga's state and the time.
 *
 * A reply completes its step and all steps before it, since a participant replies only to commands that it received. A refusal, a deadline
 * before the pivot, or a request to cancel starts compensation: the steps begun so far are compensated in reverse order, then what the saga is about is cancelled.
 * A step without a reply is compensated too; its participant remembers the compensation and refuses the step if it arrives later.
 * @param state undefined when no saga of this key is known
 * @param now milliseconds since the epoch
 */
export function advance<Data, Reason extends string>(
  definition: SagaDefinition<Data, Reason>,
  state: SagaState<Data, Reason> | undefined,
  event: SagaEvent,
  now: number,
  beginning: Beginning,
): Advanced<Data, Reason> | null {
  if (state === undefined) return event.kind === "message" ? begin(definition, event, now, beginning) : null;
  if (hasEnded(state)) return null;
  const change = new Change(definition, state, event, now);
  if (event.kind === "timer") onTimer(change);
  else if (event.kind === "admin") onAdmin(change, event.request);
  else if (event.type === definition.cancels.definition.type)
    onCancelRequest(change, definition.cancels.reason(event.data));
  else if (state.status === "RUNNING") onReplyForward(change, event);
  else onReplyWhileCompensating(change, event);
  return change.result();
}

/** Whether the saga has passed the pivot: it can only go forward. */
export function isPastPivot<Data, Reason extends string>(
  { retriable }: SagaDefinition<Data, Reason>,
  { status, step }: Pick<SagaState<Data, Reason>, "status" | "step">,
): boolean {
  return status === "RUNNING" && retriable.some(({ name }) => name === step);
}

type MessageEvent = Extract<SagaEvent, { kind: "message" }>;

function begin<Data, Reason extends string>(
  definition: SagaDefinition<Data, Reason>,
  event: MessageEvent,
  now: number,
  { id, key }: Beginning,
): Advanced<Data, Reason> | null {
  const first = definition.compensatable[0];
  const isCancel = event.type === definition.cancels.definition.type;
  if (first === undefined || (event.type !== definition.begins.type && !isCancel)) return null;
  const blank: SagaState<Data, Reason> = {
    id,
    key,
    definition: definition.name,
    version: definition.version,
    status: "RUNNING",
    step: first.name,
    // `begins` and `cancels` both carry the saga's data, parsed with their own schema.
    data: event.data as Data,
    reason: null,
    attempts: 0,
    nextAttemptAt: null,
    deadline: null,
    stuckSince: null,
    traceparent: event.traceparent ?? null,
    revision: 0,
  };
  const change = new Change(definition, blank, event, now);
  // A cancel that comes before the beginning finds nothing to compensate, and the beginning that comes later finds the saga.
  if (isCancel) change.compensateBefore(0, definition.cancels.reason(event.data));
  else change.enterForward(0);
  return change.result();
}

function onTimer<Data, Reason extends string>(change: Change<Data, Reason>): void {
  const { state, now } = change;
  if (state.nextAttemptAt === null || now < state.nextAttemptAt) return;
  const pastDeadline = state.deadline !== null && now >= state.deadline;
  if (pastDeadline && change.canCompensate()) change.compensate("TIMED_OUT");
  else change.retry(pastDeadline);
}

/** A saga that is compensating is not cancelled twice; one that is stuck while compensating is retried. */
function onAdmin<Data, Reason extends string>(change: Change<Data, Reason>, request: AdminRequest): void {
  if (request === "retry") change.retryNow();
  else if (change.canCompensate()) change.compensate("CANCELLED_BY_ADMIN");
  else if (change.state.status === "COMPENSATING" && change.state.stuckSince !== null) change.retryNow();
}

function onCancelRequest<Data, Reason extends string>(
  change: Change<Data, Reason>,
  reason: Reason | EngineReason,
): void {
  if (change.canCompensate()) change.compensate(reason);
}

function onReplyForward<Data, Reason extends string>(change: Change<Data, Reason>, event: MessageEvent): void {
  for (let index = change.forwardIndex(); index < change.forward.length; index += 1) {
    const reply = find(change.forward[index]?.replies, event.type);
    if (reply === undefined) continue;
    const outcome = reply.decide(event.data);
    if (outcome.kind === "refused") change.compensateBefore(index, outcome.reason, event);
    else change.enterForward(index + 1);
    return;
  }
  const isCompensated = change.definition.compensatable.some(
    ({ compensation }) => find(compensation.replies, event.type)?.decide(event.data).kind === "done",
  );
  // It was compensated before and then restored to an older state, such as a backup.
  if (isCompensated && change.canCompensate()) change.compensate("TIMED_OUT", event);
  else if (change.forward.some(({ replies }) => find(replies, event.type)?.decide(event.data).kind === "done"))
    change.onRepeatedReply();
}

function onReplyWhileCompensating<Data, Reason extends string>(
  change: Change<Data, Reason>,
  event: MessageEvent,
): void {
  if (change.state.step === change.definition.cancelled.name) {
    const reply = find(change.definition.cancelled.replies, event.type);
    if (reply) change.endCancelled(reply.decide(event.data));
    return;
  }
  const index = change.definition.compensatable.findIndex(
    ({ compensation }) => compensation.name === change.state.step,
  );
  const reply = find(change.definition.compensatable[index]?.compensation.replies, event.type);
  if (reply === undefined) return;
  if (reply.decide(event.data).kind === "tooLate") change.enterForward(change.pivotIndex + 1);
  else change.compensateBefore(index, reasonOf(change.state), event);
}

/** A compensating saga has a reason. */
function reasonOf<Reason extends string>({
  id,
  reason,
}: Pick<SagaState<unknown, Reason>, "id" | "reason">): Reason | EngineReason {
  if (reason === null) throw new ExplainedError(`saga ${id} is compensated without a reason`);
  return reason;
}

function find<Reason extends string>(
  replies: readonly Reply<Reason>[] | undefined,
  type: string,
): Reply<Reason> | undefined {
  return replies?.find((reply) => reply.type === type);
}

/** Two requests to retry within this time, in milliseconds, count as one. */
const MOMENT_MS = 1_000;

interface ForwardStep<Data, Reason extends string> {
  readonly name: string;
  readonly send: Command<Data, Reason>;
  readonly sendsOnEntering: boolean;
  readonly replies: readonly Reply<Reason>[];
  readonly retryPolicy: RetryPolicy;
}

/** Collects what one event does to a saga. */
class Change<Data, Reason extends string> {
  readonly definition: SagaDefinition<Data, Reason>;
  /** All steps of the way forward, the pivot among them. */
  readonly forward: readonly ForwardStep<Data, Reason>[];
  readonly pivotIndex: number;
  readonly now: number;
  state: SagaState<Data, Reason>;
  readonly #message: string | null;
  readonly #by: string;
  readonly #send: CommandToSend[] = [];
  readonly #history: HistoryEntry[] = [];

  constructor(definition: SagaDefinition<Data, Reason>, state: SagaState<Data, Reason>, event: SagaEvent, now: number) {
    const asking = (step: CompensatableStep<Data, Reason> | RetriableStep<Data, Reason>) => ({
      ...step,
      sendsOnEntering: true,
    });
    this.definition = definition;
    this.forward = [
      ...definition.compensatable.map(asking),
      { ...definition.pivot, send: definition.pivot.remind, sendsOnEntering: false },
      ...definition.retriable.map(asking),
    ];
    this.pivotIndex = definition.compensatable.length;
    this.state = state;
    this.now = now;
    this.#message = event.kind === "message" ? event.type : null;
    this.#by = event.kind === "admin" ? `, by admin ${event.by}` : "";
  }

  /** Where a saga that goes forward is. */
  forwardIndex(): number {
    const index = this.forward.findIndex(({ name }) => name === this.state.step);
    if (index === -1) throw this.#unknownStep();
    return index;
  }

  /** Whether it goes forward and has not passed the pivot. */
  canCompensate(): boolean {
    return this.state.status === "RUNNING" && this.forwardIndex() <= this.pivotIndex;
  }

  /** Goes on to a step of the way forward, or to the end behind the last one. */
  enterForward(index: number): void {
    const step = this.forward[index];
    if (step === undefined) this.end("COMPLETE");
    else
      this.#enter({ ...this.state, status: "RUNNING", reason: null }, step, step.sendsOnEntering, `on to ${step.name}`);
  }

  /** Starts compensation, the current step included: it may have been carried out. */
  compensate(reason: Reason | EngineReason, event?: MessageEvent): void {
    this.compensateBefore(this.forwardIndex() + 1, reason, event);
  }

  /**
   * Compensates the step before `index`, or ends the compensation when none is left.
   * A compensation that this message already confirms is not requested.
   */
  compensateBefore(index: number, reason: Reason | EngineReason, event?: MessageEvent): void {
    const state = { ...this.state, status: "COMPENSATING" as const, reason };
    const position = Math.min(index, this.definition.compensatable.length) - 1;
    const compensation = this.definition.compensatable[position]?.compensation;
    if (compensation === undefined) {
      this.#enter(state, this.definition.cancelled, true, `${reason}: nothing is left to compensate`);
    } else if (event && find(compensation.replies, event.type)?.decide(event.data).kind === "done") {
      this.compensateBefore(position, reason, event);
    } else {
      this.#enter(state, compensation, true, `${reason}: compensate with ${compensation.name}`);
    }
  }

  /** Retries the step's command. Past the deadline the saga is stuck: shown to an operator, and still retried. */
  retry(pastDeadline: boolean): void {
    const step = this.#current();
    const stuckSince = this.state.stuckSince ?? (pastDeadline ? this.now : null);
    const attempts = this.state.attempts + 1;
    this.state = {
      ...this.state,
      attempts,
      stuckSince,
      nextAttemptAt: this.now + backoffMs(step.retryPolicy, attempts),
    };
    this.#ask(step.send);
    this.#note(stuckSince === null ? `no reply: retry, attempt ${attempts}` : `stuck: retry, attempt ${attempts}`, {
      isCounted: true,
    });
  }

  /** Sends the step's command at once, with fresh attempts and deadline. Two requests within a moment send it once. */
  retryNow(): void {
    const step = this.#current();
    const { firstMs, deadlineMs } = step.retryPolicy;
    const { attempts, nextAttemptAt, stuckSince } = this.state;
    const askedAt = nextAttemptAt === null ? 0 : nextAttemptAt - firstMs;
    if (attempts === 1 && stuckSince === null && askedAt > this.now - MOMENT_MS) return;
    this.state = {
      ...this.state,
      attempts: 1,
      nextAttemptAt: this.now + firstMs,
      deadline: deadlineMs === null ? null : this.now + deadlineMs,
      stuckSince: null,
    };
    this.#ask(step.send);
    this.#note("retried at once", { isCounted: true });
  }

  /**
   * A completed step was answered again, as a reminder at the pivot is. At the pivot this alone ends being stuck: the awaited message itself
   * may take days.
   */
  onRepeatedReply(): void {
    if (this.forwardIndex() !== this.pivotIndex || this.state.stuckSince === null) return;
    this.state = { ...this.state, stuckSince: null };
    this.#note("answered: it waits on");
  }

  end(status: "COMPLETE" | "CANCELLED"): void {
    this.state = { ...this.state, status, nextAttemptAt: null, deadline: null, stuckSince: null };
    const { name } = this.definition;
    this.#note(status === "COMPLETE" ? `the ${name} is complete` : `${this.state.reason}: the ${name} is cancelled`);
  }

  /** What was cancelled before keeps its first reason. */
  endCancelled(outcome: Outcome<Reason>): void {
    if (outcome.kind === "cancelled") this.state = { ...this.state, reason: outcome.reason };
    this.end("CANCELLED");
  }

  /** @returns null when nothing has changed */
  result(): Advanced<Data, Reason> | null {
    if (this.#history.length === 0) return null;
    return { state: { ...this.state, revision: this.state.revision + 1 }, send: this.#send, history: this.#history };
  }

  #enter(
    state: SagaState<Data, Reason>,
    step: Pick<ForwardStep<Data, Reason>, "name" | "send" | "retryPolicy">,
    sends: boolean,
    detail: string,
  ): void {
    const { firstMs, deadlineMs } = step.retryPolicy;
    this.state = {
      ...state,
      step: step.name,
      attempts: sends ? 1 : 0,
      nextAttemptAt: this.now + firstMs,
      deadline: deadlineMs === null ? null : this.now + deadlineMs,
      stuckSince: null,
    };
    if (sends) this.#ask(step.send);
    this.#note(detail);
  }

  #current(): Pick<ForwardStep<Data, Reason>, "send" | "retryPolicy"> {
    const { compensatable, cancelled } = this.definition;
    const all = [...this.forward, ...compensatable.map(({ compensation }) => compensation), cancelled];
    const step = all.find(({ name }) => name === this.state.step);
    if (step === undefined) throw this.#unknownStep();
    return step;
  }

  #unknownStep(): Error {
    const { name, version } = this.definition;
    return new ExplainedError(`saga ${name} v${version} has no step ${this.state.step}`);
  }

  #ask({ definition, build }: Command<Data, Reason>): void {
    this.#send.push({ definition, data: build(this.state) });
  }

  #note(detail: string, counting: Pick<HistoryEntry, "isCounted"> = {}): void {
    const { step } = this.state;
    this.#history.push({ at: this.now, step, message: this.#message, detail: detail + this.#by, ...counting });
  }
}
