import type { ParticipantName } from "@shop/contracts/services";
import type { OrderAction, OrderExplanation, OrderPart, SagaFacts, StoryLine, Verdict } from "@shop/contracts/http/why";
import { OrderCancelRequested, OrderCreated } from "@shop/contracts/messages/order";

type Answered = Extract<OrderPart, { status: "ANSWERED" }>;

/** What is concluded from the parts, before it is put in words. */
interface Conclusion {
  readonly verdict: Verdict;
  readonly service: ParticipantName | null;
  readonly message: string | null;
  readonly since: string | null;
  readonly next: OrderExplanation["next"];
  readonly actions: readonly OrderAction[];
  /** What the service said of itself: what it lacks, or why it could not handle a message. */
  readonly detail: string;
}

interface Known {
  readonly orderId: string;
  readonly order: Answered["order"];
  readonly saga: Answered["saga"];
  readonly delivery: Answered["delivery"];
  readonly parts: readonly OrderPart[];
  readonly answered: readonly Answered[];
}

/** Whether any service knows the order. */
export const isKnown = (parts: readonly OrderPart[]): boolean =>
  parts.some((part) => part.status === "ANSWERED" && (part.order ?? part.saga ?? part.delivery ?? part.stock));

/**
 * Why an order stands where it stands, from what each service knows of it. The service that owes an answer is named by the saga's own state:
 * a command goes to one service, so anyone who receives the step's command owes the answer, whatever other services have or have not heard.
 * @param at when the parts were read, RFC 3339
 * @param traceUrl where a trace is shown, with `{traceId}` in the place of its id
 */
export function explainOrder(
  orderId: string,
  parts: readonly OrderPart[],
  at: string,
  traceUrl?: string,
): OrderExplanation {
  const answered = parts.filter((part) => part.status === "ANSWERED");
  const known: Known = {
    orderId,
    order: answered.find(({ order }) => order)?.order,
    saga: answered.find(({ saga }) => saga)?.saga,
    delivery: answered.find(({ delivery }) => delivery)?.delivery,
    parts,
    answered,
  };
  const conclusion = conclude(known);
  const { verdict, service, message, since, next, actions } = conclusion;
  const story = storyOf(known);
  return {
    ...{ orderId, at, verdict, service, message, since, next, story },
    isStuck: known.saga?.status === "STUCK",
    actions: [...actions],
    text: textOf(conclusion, known, at),
    traceId: known.saga?.traceId ?? null,
    traceUrl: traceUrlOf(known.saga, traceUrl),
    services: [...parts],
  };
}

function traceUrlOf(saga: Known["saga"], traceUrl: string | undefined): string | null {
  if (traceUrl === undefined || saga === undefined || saga.traceId === null || !saga.isSampled) return null;
  return traceUrl.replaceAll("{traceId}", saga.traceId);
}

function conclude(known: Known): Conclusion {
  const { orderId, order, saga, delivery, answered } = known;
  const nothing: Conclusion = {
    ...{ service: null, message: null, since: null, next: null, actions: [], detail: "" },
    verdict: "IN_PROGRESS",
  };
  if (order?.status === "COMPLETE" || order?.status === "CANCELLED") return { ...nothing, verdict: order.status };
  const blocking = oldestDeadLetter(answered);
  const base = saga === undefined ? notStarted(known, nothing) : waiting(saga, known, nothing);
  if (base.verdict === "SAGA_CANNOT_GO_ON") return base;
  if (blocking !== undefined) {
    const { deadLetter, service } = blocking;
    const replay: OrderAction = { who: "OPERATOR", action: "REPLAY_DEAD_LETTER", target: deadLetter.id };
    return {
      ...base,
      verdict: "DEAD_LETTER",
      service,
      message: deadLetter.type,
      since: deadLetter.failedAt,
      actions: [replay, ...base.actions.filter(({ action }) => action === "CANCEL_SAGA")],
      detail: `${deadLetter.cause}: ${deadLetter.detail}`,
    };
  }
  if (base.verdict !== "IN_PROGRESS" || saga?.step !== "WAIT_FOR_RIDER") return base;
  const target = delivery?.id ?? orderId;
  const cancel: OrderAction = { who: "OPERATOR", action: "CANCEL_SAGA", target: saga.id };
  const common = { ...base, service: null, message: null };
  if (typeof delivery?.riderId === "string") {
    const complete: OrderAction = { who: "RIDER", action: "COMPLETE_DELIVERY", target };
    const release: OrderAction = { who: "OPERATOR", action: "RELEASE_CLAIM", target };
    return { ...common, verdict: "WITH_RIDER", actions: [complete, release, cancel] };
  }
  const claim: OrderAction = { who: "RIDER", action: "CLAIM_DELIVERY", target };
  return { ...common, verdict: "WAITS_FOR_RIDER", actions: [claim, customerCancel(orderId), cancel] };
}

const customerCancel = (target: string): OrderAction => ({ who: "CUSTOMER", action: "CANCEL_ORDER", target });

/** The order is durable in the order service, and the orchestrator has no saga of it, or does not say. */
function notStarted({ order, parts }: Known, nothing: Conclusion): Conclusion {
  const base: Conclusion = {
    ...nothing,
    verdict: "NOT_STARTED",
    service: "orchestrator",
    message: order?.cancelRequestedAt ? OrderCancelRequested.type : OrderCreated.type,
    since: order?.createdAt ?? null,
    next: order?.republishAt ? { at: order.republishAt, attempt: 2, deadline: null } : null,
  };
  return faultOf("orchestrator", parts, base) ?? faultOf("order", parts, base) ?? base;
}

/** A saga that waits for the answer to its step's command. */
function waiting(saga: SagaFacts, { parts }: Known, nothing: Conclusion): Conclusion {
  const { awaits, attempts, nextAttemptAt, deadline } = saga;
  const canCancel = saga.reason === null && saga.step !== "COMPLETE_ORDER";
  const cancel: readonly OrderAction[] = canCancel ? [{ who: "OPERATOR", action: "CANCEL_SAGA", target: saga.id }] : [];
  const retry: OrderAction = { who: "OPERATOR", action: "RETRY_SAGA", target: saga.id };
  const base: Conclusion = {
    ...nothing,
    service: awaits?.service ?? null,
    message: awaits?.command ?? null,
    since: saga.enteredAt,
    next: nextAttemptAt === null ? null : { at: nextAttemptAt, attempt: attempts + 1, deadline },
    actions: cancel,
  };
  const problem = saga.history.findLast(({ detail }) => detail.startsWith(CANNOT_GO_ON));
  if (!saga.isKnownVersion || (saga.stuckSince !== null && problem?.at === saga.stuckSince)) {
    const detail = saga.isKnownVersion
      ? (problem?.detail.slice(CANNOT_GO_ON.length) ?? "")
      : `this release does not know version ${saga.version} of the saga`;
    const repair: OrderAction = { who: "OPERATOR", action: "REPAIR_SAGA", target: saga.id };
    return {
      ...base,
      verdict: "SAGA_CANNOT_GO_ON",
      service: "orchestrator",
      message: null,
      since: saga.stuckSince,
      actions: [repair, retry],
      detail,
    };
  }
  if (awaits === null) return base;
  const isLate = attempts > 1 || saga.stuckSince !== null;
  // A reminder that is due within the hour says nothing of the rider.
  if (saga.step === "WAIT_FOR_RIDER" && saga.stuckSince === null) return base;
  const fault =
    faultOf(awaits.service, parts, base) ??
    // The command may not have left the orchestrator, or the answer not its sender.
    (isLate ? faultOf("orchestrator", parts, base) : undefined);
  if (fault !== undefined) return fault;
  return isLate ? { ...base, verdict: "NO_ANSWER", actions: [retry, ...cancel] } : base;
}

/** How the history's entry of a saga that an event cannot be applied to begins. */
const CANNOT_GO_ON = "stuck: it cannot go on: ";
/** Messages that wait in an outbox for longer than this say that the broker is unavailable, in seconds. */
const UNSENT_SECONDS = 5;

/** What is the matter with the service that owes the answer; undefined when nothing shows. */
function faultOf(service: ParticipantName, parts: readonly OrderPart[], base: Conclusion): Conclusion | undefined {
  const part = parts.find((one) => one.service === service);
  if (part === undefined) return undefined;
  const start: OrderAction = { who: "OPERATOR", action: "START_SERVICE", target: service };
  const look: OrderAction = { who: "OPERATOR", action: "LOOK_AT_SERVICE", target: service };
  const message = base.service === service ? base.message : null;
  const found = (verdict: Verdict, action: OrderAction, detail: string): Conclusion => ({
    ...base,
    ...{ verdict, service, message, detail },
    actions: [action, ...base.actions],
  });
  if (part.status === "DOWN") return found("SERVICE_DOWN", start, part.detail);
  if (part.problems.length > 0) return found("SERVICE_IMPAIRED", look, part.problems.join("; "));
  if (part.unsent > 0 && part.oldestUnsentSeconds >= UNSENT_SECONDS)
    return found("SERVICE_BEHIND", look, `${part.unsent} messages in its outbox are not published`);
  if (part.lag !== null && part.lag > 0 && base.verdict !== "NOT_STARTED" && isOverdue(base))
    return found("SERVICE_BEHIND", look, `${part.lag} messages of its topics are not handled`);
  return undefined;
}

/** Whether the command has been sent more than once. */
const isOverdue = ({ next }: Conclusion) => next !== null && next.attempt > 2;

/** The oldest open dead letter, which the later messages of the order wait for in that service. */
function oldestDeadLetter(parts: readonly Answered[]) {
  return parts
    .flatMap(({ service, deadLetters }) =>
      deadLetters.filter(({ cause }) => cause !== "PARKED").map((deadLetter) => ({ service, deadLetter })),
    )
    .toSorted((a, b) => (a.deadLetter.failedAt < b.deadLetter.failedAt ? -1 : 1))[0];
}

function storyOf({ order, saga, answered }: Known): StoryLine[] {
  const once = (at: string) => ({ at, lastAt: at, times: 1, step: null, message: null });
  const lines: StoryLine[] = [];
  if (order !== undefined) {
    lines.push({ ...once(order.createdAt), service: "order", what: "The order was placed." });
    if (order.cancelRequestedAt !== null)
      lines.push({ ...once(order.cancelRequestedAt), service: "order", what: "Its cancellation was requested." });
  }
  for (const { at, lastAt, times, step, message, detail } of saga?.history ?? [])
    lines.push({ ...{ at, lastAt, times, step, message }, service: "orchestrator", what: detail });
  for (const { service, deadLetters } of answered)
    for (const { failedAt, type, cause, detail } of deadLetters)
      lines.push({ ...once(failedAt), service, message: type, what: `It became a dead letter: ${cause}: ${detail}` });
  return lines.toSorted((a, b) => Date.parse(a.at) - Date.parse(b.at));
}

const time = (at: string) => `${at.slice(0, 19).replace("T", " ")} UTC`;
const lasting = (since: string | null, at: string) => {
  if (since === null) return "";
  const seconds = Math.max(0, Math.round((Date.parse(at) - Date.parse(since)) / 1_000));
  const span =
    seconds < 120
      ? `${seconds} s`
      : seconds < 7_200
        ? `${Math.floor(seconds / 60)} min`
        : `${Math.floor(seconds / 3_600)} h`;
  return ` since ${time(since)} (${span})`;
};

function textOf(conclusion: Conclusion, known: Known, at: string): OrderExplanation["text"] {
  return {
    happened: happened(known),
    waitsFor: waitsFor(conclusion, known, at),
    next: nextOf(conclusion, known),
    who: whoCan(conclusion),
  };
}

function happened({ order, saga, delivery }: Known): string {
  const placed = order === undefined ? "" : `The order was placed at ${time(order.createdAt)}. `;
  if (order?.status === "CANCELLED") return `${placed}It was cancelled: ${order.cancelReason}.`;
  if (order?.status === "COMPLETE") return `${placed}It was delivered and is complete.`;
  if (saga === undefined) return `${placed}No saga of it is known.`;
  const back = saga.reason === null ? "" : ` It is being compensated: ${saga.reason}.`;
  const rider = typeof delivery?.riderId === "string" ? " A rider has claimed its delivery." : "";
  return `${placed}Its saga came to ${saga.step} at ${time(saga.enteredAt)}.${back}${rider}`;
}

function waitsFor({ verdict, service, message, since, detail }: Conclusion, { saga }: Known, at: string): string {
  const span = lasting(since, at);
  const answer = message === null ? "" : ` to answer ${message}`;
  const sent = saga === undefined || saga.attempts === 0 ? "" : `, sent ${times(saga.attempts)}`;
  switch (verdict) {
    case "COMPLETE":
    case "CANCELLED":
      return "Nothing: it has ended.";
    case "IN_PROGRESS":
      return `It waits for ${service ?? "its saga"}${answer}${span}${sent}.`;
    case "WAITS_FOR_RIDER":
      return `It waits for a rider to claim its delivery${span}.`;
    case "WITH_RIDER":
      return `It waits for its rider to complete the delivery${span}.`;
    case "NOT_STARTED":
      return `It waits for the orchestrator to begin its saga${span}.`;
    case "DEAD_LETTER":
      return `It waits for ${service}, which could not handle ${message ?? "a message of it"}: it is a dead letter${span} (${detail}).`;
    case "SERVICE_DOWN":
      return `It waits for ${service}${answer}${span}${sent}. ${service} does not answer: ${detail}.`;
    case "SERVICE_IMPAIRED":
      return `It waits for ${service}${answer}${span}${sent}. ${service} is impaired: ${detail}.`;
    case "SERVICE_BEHIND":
      return `It waits for ${service}${answer}${span}${sent}. ${service} is behind: ${detail}.`;
    case "NO_ANSWER":
      return `It waits for ${service}${answer}${span}${sent}. ${service} runs and has not answered.`;
    case "SAGA_CANNOT_GO_ON":
      return `Its saga cannot go on${span}: ${detail}.`;
    default:
      return verdict satisfies never;
  }
}

const times = (count: number) => (count === 1 ? "once" : `${count} times`);

function nextOf({ verdict, next, message }: Conclusion, { saga, order }: Known): string {
  if (verdict === "COMPLETE" || verdict === "CANCELLED") return "Nothing.";
  if (next === null) return order === undefined ? "Not known." : "The saga goes on as soon as its next message comes.";
  const again = `At ${time(next.at)} ${message ?? "the command"} is sent again${saga === undefined ? "" : ` (attempt ${next.attempt})`}.`;
  if (saga === undefined || next.deadline === null) return again;
  if (saga.stuckSince !== null)
    return `${again} It is past its deadline of ${time(next.deadline)} and retried every minute until it is answered.`;
  const isGivenUp = saga.reason === null && saga.step !== "COMPLETE_ORDER";
  return `${again} Past ${time(next.deadline)} ${isGivenUp ? "the order is compensated: TIMED_OUT" : "the saga is stuck, and still retried"}.`;
}

function whoCan({ actions }: Conclusion): string {
  if (actions.length === 0) return "Nobody needs to act.";
  return actions.map((action) => sentenceOf(action)).join(" ");
}

function sentenceOf({ who, action, target }: OrderAction): string {
  const name = { OPERATOR: "An operator", RIDER: "A rider", CUSTOMER: "The customer" }[who];
  switch (action) {
    case "START_SERVICE":
      return `${name} can start ${target}.`;
    case "LOOK_AT_SERVICE":
      return `${name} can look at ${target}: \`bun run shop health\`.`;
    case "REPLAY_DEAD_LETTER":
      return `${name} can mend its cause and replay it: \`bun run shop replay ${target}\`.`;
    case "RETRY_SAGA":
      return `${name} can retry the step at once: \`bun run shop retry ${target}\`.`;
    case "CANCEL_SAGA":
      return `${name} can compensate it: \`bun run shop cancel-saga ${target}\`.`;
    case "CANCEL_ORDER":
      return `${name} can cancel the order.`;
    case "CLAIM_DELIVERY":
      return `${name} can claim delivery ${target}.`;
    case "COMPLETE_DELIVERY":
      return `${name}, who has claimed it, can complete delivery ${target}, or report that it failed.`;
    case "RELEASE_CLAIM":
      return `${name} can release the claim of delivery ${target}.`;
    case "REPAIR_SAGA":
      return `${name} can put the row of saga ${target} right, or start a release that can go on with it.`;
    default:
      return action satisfies never;
  }
}
