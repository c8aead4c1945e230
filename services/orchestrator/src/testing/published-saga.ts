import { messagesByType } from "@shop/contracts/messages/registry";
import type { OrderSnapshot } from "@shop/contracts/messages/order";
import type { CancelReason } from "@shop/contracts/primitives";
import { ExplainedError } from "@shop/runtime/errors";
import { advance } from "../saga/advance.ts";
import type { SagaDefinition } from "../saga/definition.ts";
import { outlineOf, type SagaOutline } from "../saga/outline.ts";
import type { SagaState } from "../saga/state.ts";
import type { SagaVersions } from "../saga/versions.ts";
import { newOrder } from "./saga-messages.ts";

type Definition = SagaDefinition<OrderSnapshot, CancelReason>;
type Results = { readonly SUCCESS?: string; readonly FAILURE?: string };
interface Meaning {
  readonly progress: string;
  readonly saga: { readonly status: string; readonly step: string | null };
}
interface Wait {
  readonly for: string;
  /** How long it lasts at most, in milliseconds; null when it has no end of its own. */
  readonly deadlineMs: number | null;
}

/** The order's saga as everything outside of the orchestrator knows it: plain data, in which a function of the definition is only its result. */
export interface PublishedSaga extends SagaOutline {
  readonly name: string;
  /** The version that a new order's saga begins under. */
  readonly version: number;
  readonly knownVersions: readonly number[];
  /** The message that begins it, and the one that asks to cancel it. */
  readonly begins: string;
  readonly cancels: string;
  readonly steps: readonly string[];
  /** What can happen to an order, from the least to the greatest. */
  readonly milestones: readonly string[];
  readonly meanings: Readonly<Record<string, Meaning>>;
  /** Where an order can be, in the order in which it gets there. */
  readonly progress: readonly string[];
  readonly waits: Readonly<Record<string, Wait | null>>;
  /** The milestone that a message of another service than the order's reaches; by its result where it has one. */
  readonly events: Readonly<Record<string, string | Results>>;
}

const order = newOrder();
const RESULTS = ["SUCCESS", "FAILURE"] as const;

/**
 * What is published of a saga's versions. It is found by trying each answer in each step, so that it says what the engine does.
 * What an older version alone has is added to what the newest has.
 * @throws when a step can be refused but names no milestone for it
 */
export function publishedSaga(versions: SagaVersions<OrderSnapshot, CancelReason>): PublishedSaga {
  const [newest, ...older] = versions.known.flatMap((version) => versions.find(version) ?? []).toReversed();
  if (newest === undefined) throw new ExplainedError("there is no version of the saga");
  let published = publishedVersion(newest, versions.known);
  for (const definition of older) {
    const other = publishedVersion(definition, versions.known);
    published = {
      ...published,
      steps: merged(published.steps, other.steps),
      milestones: merged(published.milestones, other.milestones),
      meanings: { ...other.meanings, ...published.meanings },
      progress: merged(published.progress, other.progress),
      waits: { ...other.waits, ...published.waits },
      events: { ...other.events, ...published.events },
    };
  }
  return published;
}

/** What only `older` has stands behind what it stands behind there. */
function merged(newer: readonly string[], older: readonly string[]): readonly string[] {
  const all = [...newer];
  for (const [index, name] of older.entries())
    if (!all.includes(name)) all.splice(all.indexOf(older[index - 1] ?? "") + 1, 0, name);
  return all;
}

function publishedVersion(definition: Definition, knownVersions: readonly number[]): PublishedSaga {
  const { name, version, compensatable, pivot, retriable, cancelled } = definition;
  const outline = outlineOf(definition);
  const forward = [...compensatable, pivot, ...retriable];
  const first = compensatable[0] ?? pivot;
  const meanings: Record<string, Meaning> = {
    CREATED: { progress: "CREATED", saga: { status: "RUNNING", step: first.name } },
    // A request to cancel does not tell how far the saga had come: the next milestone does.
    CANCELLING: { progress: "CANCELLING", saga: { status: "COMPENSATING", step: null } },
  };
  const events: Record<string, string | Results> = {};
  const learn = (direction: "RUNNING" | "COMPENSATING", step: (typeof forward)[number] | typeof cancelled) => {
    for (const { type } of step.replies) {
      const byResult = RESULTS.flatMap((result) => {
        const after = answered(definition, direction, step.name, type, result);
        // A compensation that came too late leads forward, which the pivot's own answer tells.
        if (after === undefined || (direction === "COMPENSATING" && after.status === "RUNNING")) return [];
        const milestone =
          direction === "RUNNING" && after.status === "COMPENSATING" ? step.refusedMilestone : step.milestone;
        if (milestone === undefined)
          throw new ExplainedError(`${type} can refuse ${step.name}, which names no refusedMilestone`);
        const progress =
          after.status === "COMPENSATING" ? "CANCELLING" : after.status === "RUNNING" ? milestone : after.status;
        meanings[milestone] ??= { progress, saga: { status: after.status, step: after.step } };
        return [[result, milestone] as const];
      });
      if (messagesByType.get(type)?.sender !== "order" && byResult.length > 0) events[type] ??= shortest(byResult);
    }
  };
  for (const step of forward) learn("RUNNING", step);
  for (const { compensation } of compensatable.toReversed())
    learn("COMPENSATING", { ...compensation, waitsFor: cancelled.waitsFor });
  learn("COMPENSATING", cancelled);

  const milestones = [
    "CREATED",
    ...compensatable.map(({ milestone }) => milestone),
    "CANCELLING",
    ...forward.flatMap(({ refusedMilestone }) => refusedMilestone ?? []),
    ...compensatable.map(({ compensation }) => compensation.milestone).toReversed(),
    ...[pivot, ...retriable, cancelled].map(({ milestone }) => milestone),
  ];
  const states = forward.map(({ waitsFor }, index): readonly [string, Wait] => {
    const reached = forward[index - 1]?.milestone ?? "CREATED";
    const { kind, deadlineMs } = outline.forward[index] ?? { kind: "RETRIABLE", deadlineMs: null };
    // Past its deadline only a step before the pivot is given up.
    return [reached, { for: waitsFor, deadlineMs: kind === "COMPENSATABLE" ? deadlineMs : null }];
  });
  const waits = {
    ...Object.fromEntries(states),
    CANCELLING: { for: cancelled.waitsFor, deadlineMs: null },
    ...{ COMPLETE: null, CANCELLED: null },
  };
  return {
    ...{ name, version, knownVersions, begins: definition.begins.type, cancels: definition.cancels.definition.type },
    ...outline,
    steps: [...outline.forward, ...outline.backward].map((step) => step.name),
    milestones,
    meanings: Object.fromEntries(
      milestones.flatMap((milestone) => {
        const meaning = meanings[milestone];
        return meaning === undefined ? [] : [[milestone, meaning]];
      }),
    ),
    progress: Object.keys(waits),
    waits,
    events,
  };
}

function shortest(byResult: readonly (readonly [(typeof RESULTS)[number], string])[]): string | Results {
  const [one, other] = byResult;
  return one !== undefined && one[1] === other?.[1] ? one[1] : Object.fromEntries(byResult);
}

/** Where a saga in a step is once an answer has come; undefined when it changes nothing. */
function answered(
  definition: Definition,
  status: "RUNNING" | "COMPENSATING",
  step: string,
  type: string,
  result: (typeof RESULTS)[number],
) {
  const state: SagaState<OrderSnapshot, CancelReason> = {
    ...{ id: order.orderId, key: order.orderId, definition: definition.name, version: definition.version },
    ...{ status, step, data: order, reason: status === "RUNNING" ? null : "CANCELLED_BY_CUSTOMER" },
    ...{ attempts: 1, nextAttemptAt: null, deadline: null, stuckSince: null, traceparent: null, revision: 1 },
  };
  const data = { orderId: order.orderId, result, reason: "OUT_OF_STOCK" };
  const event = { kind: "message", type, data, traceparent: undefined } as const;
  return advance(definition, state, event, 0, { id: order.orderId, key: order.orderId })?.state;
}

/** The module that holds it, for the contracts. */
export function publishedModule(saga: PublishedSaga): string {
  return `/**
 * The order's saga as everything outside of the orchestrator knows it: its steps, and what an order's customer is shown of them.
 * Written from the definitions of the saga by \`bun run generate:saga\`. A test compares it.
 */
export const orderSaga = ${JSON.stringify(saga, null, 2)} as const;
`;
}
