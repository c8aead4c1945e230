import type { BulkOutcome } from "@shop/database/bulk-operations";
import { errorText } from "@shop/runtime/errors";
import type { BulkTarget } from "@shop/service/bulk";
import type { ServiceContext } from "@shop/service/context";
import { briefly, countMeant, nextMeant } from "../db/sagas.ts";
import type { AdminRequest } from "./advance.ts";
import { cannotGoOn, refusalOf } from "./intervene.ts";
import { SagaBatch } from "./saga-batch.ts";
import { lockByOrder, lockFreeSagas, type OrderSagaState } from "./store.ts";
import type { SagaVersions } from "./versions.ts";

const requests: Readonly<Record<string, AdminRequest>> = { RETRY: "retry", CANCEL: "cancel" };

/** What an admin can do to many sagas: the same events of `advance` as for one, under the same locks, with the same outbox. */
export function bulkSagas(context: ServiceContext, versions: SagaVersions): BulkTarget {
  return {
    count: countMeant,
    next: nextMeant,
    async describe(db, ids) {
      const sagas = await briefly(db, ids);
      return sagas.map(({ id, orderId, status, step }) => ({ id, what: `order ${orderId}, ${status} in ${step}` }));
    },
    async apply(tx, ids, { action, by, skipLocked }) {
      const request = requests[action] ?? "retry";
      const known = new Map((await briefly(tx, ids)).map(({ id, orderId }) => [id, orderId]));
      const orderIds = [...known.values()];
      // Locked by their orders' ids, as messages lock them: so no two transactions wait for each other.
      const locked = skipLocked ? await lockFreeSagas(tx, orderIds) : new Set<string>();
      const states = await lockByOrder(
        tx,
        orderIds.filter((orderId) => !locked.has(orderId)),
      );
      const sagas = new SagaBatch(context, versions, states);
      const outcomes = ids.map((id): BulkOutcome => {
        const orderId = known.get(id);
        if (orderId === undefined) return { id, code: "NOT_FOUND" };
        const state = states.get(orderId);
        if (state === undefined) return { id, code: "LOCKED", detail: "another transaction has locked it" };
        const before = { orderId, status: state.status, step: state.step };
        return { id, before, ...outcomeOf(sagas, state, request, by, versions) };
      });
      await context.outbox.send(tx, await sagas.save(tx));
      return outcomes;
    },
  };
}

function outcomeOf(
  sagas: SagaBatch,
  state: OrderSagaState,
  request: AdminRequest,
  by: string,
  versions: SagaVersions,
): Omit<BulkOutcome, "id"> {
  const refused = refusalOf(state, request, versions);
  if (refused !== undefined) return { code: refused.code, detail: refused.detail };
  try {
    // Without a trace of its own it goes on in that of the order.
    sagas.apply(state.orderId, { kind: "admin", request, by, traceparent: state.traceparent ?? undefined });
    return { code: "DONE" };
  } catch (error) {
    const { code, detail } = cannotGoOn(errorText(error));
    return { code, detail };
  }
}
