import type { SagaHistoryEntry, SagaPicture } from "@shop/contracts/http/saga";
import type { OrderSnapshot } from "@shop/contracts/messages/order";
import type { CancelReason } from "@shop/contracts/primitives";
import type { OrderKnowledge } from "@shop/contracts/http/why";
import type { ReadDatabase } from "@shop/database/reader";
import { backoffMs } from "@shop/runtime/backoff";
import { isSampled, traceIdOf } from "@shop/runtime/trace";
import { eq } from "drizzle-orm";
import { receiverOf } from "../saga/outline.ts";
import { commandOf, pictureOf } from "../saga/picture.ts";
import { hasEnded } from "../saga/state.ts";
import { type SagaVersions, stepsOf } from "../saga/versions.ts";
import { listHistory, statusOf } from "../db/sagas.ts";
import { saga } from "../db/schema.ts";

/** As many of the newest entries of a history are looked at. */
const ENTRIES = 200;

type SagaRow = typeof saga.$inferSelect;

async function historyOf(read: ReadDatabase, sagaId: string): Promise<readonly SagaHistoryEntry[]> {
  const entries = await listHistory(read, { sagaId, beforeSeq: undefined, limit: ENTRIES });
  return (entries ?? []).map(({ entry }) => entry).toReversed();
}

/** What the orchestrator tells an operator of an order: its saga, and which service owes it an answer. */
export async function knowsOrder(
  read: ReadDatabase,
  orderId: string,
  versions: SagaVersions<OrderSnapshot, CancelReason>,
): Promise<OrderKnowledge> {
  const [row] = await read.select().from(saga).where(eq(saga.orderId, orderId));
  if (row === undefined) return {};
  const history = await historyOf(read, row.id);
  const { id, step, version, reason, attempts, nextAttemptAt, deadline, stuckSince, traceparent } = row;
  const definition = versions.find(version);
  const asked = hasEnded(row) || definition === undefined ? undefined : commandOf(definition, step);
  return {
    saga: {
      ...{ id, step, version, reason, attempts, history: [...history] },
      status: statusOf(row),
      enteredAt: enteredAt(row, history),
      awaits: asked === undefined ? null : { service: receiverOf(asked), command: asked.definition.type },
      lastSentAt: lastSentAt(row, versions),
      nextAttemptAt: nextAttemptAt?.toISOString() ?? null,
      deadline: deadline?.toISOString() ?? null,
      stuckSince: stuckSince?.toISOString() ?? null,
      isKnownVersion: definition !== undefined,
      traceId: traceparent === null ? null : traceIdOf(traceparent),
      isSampled: traceparent !== null && isSampled(traceparent),
    },
  };
}

function enteredAt({ step, updatedAt }: SagaRow, history: readonly SagaHistoryEntry[]): string {
  const before = history.findLastIndex((entry) => entry.step !== step);
  return history[before + 1]?.at ?? updatedAt.toISOString();
}

/** A command is sent again when the pause of its step's retry policy is over: it was sent that long before. */
function lastSentAt(
  { step, version, attempts, nextAttemptAt }: SagaRow,
  versions: SagaVersions<OrderSnapshot, CancelReason>,
): string | null {
  const definition = versions.find(version);
  if (attempts === 0 || nextAttemptAt === null || definition === undefined) return null;
  const policy = stepsOf(definition).find(({ name }) => name === step)?.retryPolicy;
  return policy === undefined ? null : new Date(nextAttemptAt.getTime() - backoffMs(policy, attempts)).toISOString();
}

/** The picture of a saga by its definition; undefined when there is no such saga. */
export async function findPicture(
  read: ReadDatabase,
  sagaId: string,
  versions: SagaVersions<OrderSnapshot, CancelReason>,
): Promise<SagaPicture | undefined> {
  const [row] = await read.select().from(saga).where(eq(saga.id, sagaId));
  if (row === undefined) return undefined;
  const { version, reason, nextAttemptAt } = row;
  const definition = versions.find(version);
  const steps =
    definition && pictureOf(definition, { ...row, isStuck: row.stuckSince !== null }, await historyOf(read, sagaId));
  return {
    ...{ sagaId, version, reason, isKnownVersion: definition !== undefined },
    nextAttemptAt: nextAttemptAt?.toISOString() ?? null,
    forward: steps?.forward ?? [],
    backward: steps?.backward ?? [],
  };
}
