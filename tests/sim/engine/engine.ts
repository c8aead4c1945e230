import { CancelDeliveryCommand } from "@shop/contracts/messages/delivery";
import type { Topic } from "@shop/contracts/services";
import { CancelOrderCommand, type OrderSnapshot } from "@shop/contracts/messages/order";
import type { CancelReason } from "@shop/contracts/primitives";
import { IncreaseProductCommand } from "@shop/contracts/messages/product";
import { advance, type SagaEvent } from "@shop/orchestrator-service/saga/advance";
import type { SagaDefinition } from "@shop/orchestrator-service/saga/definition";
import { hasEnded, type SagaState } from "@shop/orchestrator-service/saga/state";
import { orderSaga } from "@shop/orchestrator-service/sagas/order.saga";
import { seeded } from "../../support/seeded.ts";
import { type Message, Participants } from "./participants.ts";

const EVENTS: ReadonlySet<Topic> = new Set(["order.events", "product.events", "delivery.events"]);
const COMPENSATIONS: ReadonlySet<string> = new Set([
  CancelDeliveryCommand.type,
  IncreaseProductCommand.type,
  CancelOrderCommand.type,
]);
const BEGINNING = { id: "00000000-0000-7000-8000-00000000000a", key: "00000000-0000-7000-8000-000000000001" };
const TRACEPARENT = "00-00000000000000000000000000000001-0000000000000001-01";
const HOUR_MS = 3_600_000;
/** More than any order needs once nothing is lost any more. */
const STEPS_AT_MOST = 500;

/** Plays one order through the saga engine: messages between it and modelled participants are late, lost and repeated, clients act at random, time leaps. */
class Play {
  readonly wrongs: string[] = [];
  readonly trace: string[] = [];
  readonly #definition: SagaDefinition<OrderSnapshot, CancelReason>;
  readonly #random: () => number;
  readonly #participants: Participants;
  readonly #queues = new Map<Topic, Message[]>();
  readonly #keepsTrace: boolean;
  #saga: SagaState<OrderSnapshot, CancelReason> | undefined;
  #now = 0;

  constructor(seed: number, definition: SagaDefinition<OrderSnapshot, CancelReason>, keepsTrace: boolean) {
    this.#definition = definition;
    this.#keepsTrace = keepsTrace;
    this.#random = seeded(Math.imul(seed + 1, 0x9e3779b1));
    for (let index = 0; index < 4; index += 1) this.#random();
    this.#participants = new Participants(this.#random() < 0.8);
  }

  run(): void {
    const loses = this.#random() < 0.5 ? this.#random() * 0.4 : 0;
    const repeats = this.#random() * 0.3;
    this.#send(this.#participants.tell());
    for (let left = 5 + Math.floor(this.#random() * 40); left > 0 && this.wrongs.length === 0; left -= 1) {
      const drawn = this.#random();
      if (drawn < 0.7) this.#deliverAny(loses, repeats);
      else if (drawn < 0.8) this.#leap();
      else this.#somebodyActs();
    }
    this.#heal();
    this.#judge();
  }

  #somebodyActs(): void {
    const participants = this.#participants;
    const drawn = this.#random();
    if (drawn < 0.2) this.#send(...participants.requestCancel());
    else if (drawn < 0.6) this.#send(...participants.ride(this.#random() < 0.7 ? "COMPLETE" : "FAILED"));
    else if (drawn < 0.75 && participants.order === "PENDING") this.#send(participants.tell());
    else if (drawn < 0.85) this.#apply({ kind: "admin", request: "retry", by: "admin", traceparent: TRACEPARENT });
    else if (drawn < 0.9) this.#apply({ kind: "admin", request: "cancel", by: "admin", traceparent: TRACEPARENT });
  }

  /** Time passes: a little, until the saga's timer, or for so long that every deadline has passed. */
  #leap(): void {
    const drawn = this.#random();
    if (drawn < 0.4) this.#now += this.#random() * 10_000;
    else if (drawn < 0.9) this.#now = Math.max(this.#now, this.#saga?.nextAttemptAt ?? 0);
    else this.#now += this.#random() * 2 * HOUR_MS;
    this.#apply({ kind: "timer" });
  }

  #deliverAny(loses: number, repeats: number): void {
    const waiting = [...this.#queues.values()].filter(({ length }) => length > 0);
    const queue = waiting[Math.floor(this.#random() * waiting.length)];
    const next = queue?.shift();
    if (queue === undefined || next === undefined) return;
    if (this.#random() < loses) return this.#note(`lost: ${next.type}`);
    if (this.#random() < repeats) queue.splice(Math.floor(this.#random() * (queue.length + 1)), 0, next);
    this.#deliver(next);
  }

  #deliver(message: Message): void {
    this.#note(message.type);
    if (EVENTS.has(message.topic))
      this.#apply({ kind: "message", type: message.type, data: message.data, traceparent: TRACEPARENT });
    else this.#send(...this.#participants.obey(message.type));
  }

  #apply(event: SagaEvent): void {
    const before = this.#saga;
    const advanced = advance(this.#definition, before, event, this.#now, BEGINNING);
    if (advanced === null) return;
    const { state, send, history } = advanced;
    this.#saga = state;
    if (before && hasEnded(before)) this.#wrong(`a saga that is ${before.status} went on`);
    if (state.revision !== (before?.revision ?? 0) + 1) this.#wrong("a change did not count");
    if (history.length === 0) this.#wrong("a change has no history");
    if (!hasEnded(state) && state.nextAttemptAt === null) this.#wrong(`a saga at ${state.step} waits for ever`);
    if (hasEnded(state) && state.nextAttemptAt !== null) this.#wrong("a saga that has ended waits for something");
    const isPast = this.#definition.retriable.some(({ name }) => name === before?.step);
    for (const { definition, data } of send) {
      if (isPast && COMPENSATIONS.has(definition.type)) this.#wrong(`${definition.type} was sent behind the pivot`);
      if (state.status === "RUNNING" && COMPENSATIONS.has(definition.type))
        this.#wrong(`${definition.type} was sent on the way forward`);
      this.#send({ type: definition.type, topic: definition.topic, data });
    }
    this.#note(
      `  ${event.kind}: ${state.status} at ${state.step}, sends ${send.map(({ definition }) => definition.type).join(" ")}`,
    );
  }

  /** Nothing is lost any more, and time goes on until the order is idle. */
  #heal(): void {
    this.#note("healed");
    for (let left = STEPS_AT_MOST; left > 0 && this.wrongs.length === 0; left -= 1) {
      const queue = [...this.#queues.values()].find(({ length }) => length > 0);
      const next = queue?.shift();
      if (next) this.#deliver(next);
      else if (this.#isAtRest()) return;
      else if (this.#saga === undefined || this.#isUnconfirmed()) this.#send(this.#participants.tell());
      else {
        this.#now = Math.max(this.#now, this.#saga.nextAttemptAt ?? this.#now);
        this.#apply({ kind: "timer" });
      }
    }
    if (this.wrongs.length === 0) this.#wrong(`it does not come to rest: ${this.#saga?.status} at ${this.#saga?.step}`);
  }

  /** The order service tells of an order, or of a request to cancel it, until it sees that the saga has heard. */
  #isUnconfirmed(): boolean {
    return (
      this.#participants.isCancelRequested &&
      this.#saga?.step === this.#definition.pivot.name &&
      this.#participants.delivery === "PENDING"
    );
  }

  #isAtRest(): boolean {
    if (this.#saga === undefined) return false;
    if (hasEnded(this.#saga)) return true;
    const { delivery, isCancelRequested } = this.#participants;
    return this.#saga.step === this.#definition.pivot.name && delivery === "PENDING" && !isCancelRequested;
  }

  #judge(): void {
    const { order, stock, delivery, wrongs } = this.#participants;
    for (const wrong of wrongs) this.#wrong(wrong);
    const status = this.#saga?.status;
    const seen = `saga ${status}, order ${order}, stock ${stock}, delivery ${delivery}`;
    const isWhole =
      status === "COMPLETE"
        ? order === "COMPLETE" && stock === "TAKEN" && delivery === "COMPLETE"
        : status === "CANCELLED"
          ? order === "CANCELLED" && stock !== "TAKEN" && delivery !== "PENDING" && delivery !== "COMPLETE"
          : order === "PENDING" && stock === "TAKEN" && delivery === "PENDING";
    if (!isWhole) this.#wrong(`the services do not agree: ${seen}`);
    if (this.#saga && hasEnded(this.#saga) && this.#saga.stuckSince !== null)
      this.#wrong("a saga that has ended is stuck");
  }

  #send(...messages: readonly Message[]): void {
    for (const message of messages) {
      const queue = this.#queues.get(message.topic);
      if (queue) queue.push(message);
      else this.#queues.set(message.topic, [message]);
    }
  }

  #note(text: string): void {
    if (this.#keepsTrace) this.trace.push(`${Math.round(this.#now)} ${text}`);
  }

  #wrong(text: string): void {
    this.wrongs.push(text);
  }
}

export interface EngineVerdict {
  readonly seed: number;
  readonly wrongs: readonly string[];
  readonly trace: readonly string[];
}

/** Plays an order by a seed. @returns what was wrong, with what happened; undefined when nothing was */
export function playOrder(
  seed: number,
  definition: SagaDefinition<OrderSnapshot, CancelReason> = orderSaga,
): EngineVerdict | undefined {
  const play = new Play(seed, definition, false);
  play.run();
  if (play.wrongs.length === 0) return undefined;
  const again = new Play(seed, definition, true);
  again.run();
  return { seed, wrongs: again.wrongs, trace: again.trace };
}
