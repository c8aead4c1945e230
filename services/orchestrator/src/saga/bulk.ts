import type { BulkOutcome } from "@shop/database/bulk-operations";
import { errorText } from "@shop/runtime/errors";
import type { BulkTarget } from "@shop/service/bulk";
import type { ServiceContext } from "@shop/service/context";
import { briefly, countMeant, nextMeant } from "../db/sagas.ts";
import type { AdminRequest } from "./advance.ts";
import { cannotGoOn, refusalOf } from "./intervene.ts";
import { SagaBatch } from "./saga-batch.ts";
import type { SagaState } from "./state.ts";
import { lockByKey, lockFreeSagas } from "./store.ts";
import type { SagaVersions } from "./versions.ts";

const requests: Readonly<Record<string, AdminRequest>> = { RETRY: "retry", CANCEL: "cancel" };

/** What an admin can do to many sagas: the same events of `advance` as for one, under the same locks, with the same outbox. */
export function bulkSagas<Data, Reason extends string>(
  context: ServiceContext,
  versions: SagaVersions<Data, Reason>,
): BulkTarget {
  return {
    actions: Object.keys(requests),
    count: countMeant,
    next: nextMeant,
    async describe(db, ids) {
      const sagas = await briefly(db, ids);
      return sagas.map(({ id, orderId, status, step }) => ({
        id,
        what: `${versions.newest.name} ${orderId}, ${status} in ${step}`,
      }));
    },
    async apply(tx, ids, { action, by, skipLocked }) {
      const request = requests[action] ?? "retry";
      const known = new Map((await briefly(tx, ids)).map(({ id, orderId: key }) => [id, key]));
      const keys = [...known.values()];
      // Locked by their keys, as messages lock them: so no two transactions wait for each other.
      const locked = skipLocked ? await lockFreeSagas(tx, keys) : new Set<string>();
      const states = await lockByKey<Data, Reason>(
        tx,
        keys.filter((key) => !locked.has(key)),
      );
      const sagas = new SagaBatch(context, versions, states);
      const outcomes = ids.map((id): BulkOutcome => {
        const key = known.get(id);
        if (key === undefined) return { id, code: "NOT_FOUND" };
        const state = states.get(key);
        if (state === undefined) return { id, code: "LOCKED", detail: "another transaction has locked it" };
        const before = { [versions.newest.keyField]: key, status: state.status, step: state.step };
        return { id, before, ...outcomeOf(sagas, state, request, by, versions) };
      });
      await context.outbox.send(tx, await sagas.save(tx));
      return outcomes;
    },
  };
}

function outcomeOf<Data, Reason extends string>(
  sagas: SagaBatch<Data, Reason>,
  state: SagaState<Data, Reason>,
  request: AdminRequest,
  by: string,
  versions: SagaVersions<Data, Reason>,
): Omit<BulkOutcome, "id"> {
  const refused = refusalOf(state, request, versions);
  if (refused !== undefined) return { code: refused.code, detail: refused.detail };
  try {
    // Without a trace of its own it goes on in the one that began the saga.
    sagas.apply(state.key, { kind: "admin", request, by, traceparent: state.traceparent ?? undefined });
    return { code: "DONE" };
  } catch (error) {
    const { code, detail } = cannotGoOn(errorText(error));
    return { code, detail };
  }
}
