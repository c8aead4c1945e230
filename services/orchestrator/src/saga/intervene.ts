import type { AuditOrigin } from "@shop/database/audit-trail";
import { alongside, inTransactionOn } from "@shop/database/transaction";
import { errorText } from "@shop/runtime/errors";
import { audit, type AuditedAct } from "@shop/service/audit-routes";
import type { ServiceContext } from "@shop/service/context";
import { type AdminRequest, isPastPivot } from "./advance.ts";
import { SagaBatch } from "./saga-batch.ts";
import { hasEnded, type SagaState } from "./state.ts";
import { lockById } from "./store.ts";
import type { SagaVersions } from "./versions.ts";

export interface Intervention {
  readonly sagaId: string;
  readonly request: AdminRequest;
  /** The admin's id. */
  readonly by: string;
  /** The admin with what the audit trail says of them. */
  readonly origin: AuditOrigin;
  readonly traceparent: string;
}

export type InterventionResult =
  | { readonly kind: "taken" }
  | { readonly kind: "refused"; readonly code: "NOT_FOUND" }
  | InterventionRefusal;

/** Why a saga that is there does not do what an admin asks for. */
export interface InterventionRefusal {
  readonly kind: "refused";
  readonly code: "SAGA_ENDED" | "SAGA_PAST_PIVOT" | "SAGA_CANNOT_GO_ON";
  /** A sentence for the admin: why, and what to do instead. */
  readonly detail: string;
}

const ACTIONS = { retry: "SAGA_RETRIED", cancel: "SAGA_CANCELLED" } as const;
const placeOf = ({ status, step }: SagaState<unknown, string>) => ({ status, step });

/** Lets an admin step in: an event like a message, under the same lock and with the same outbox, so that it races with nothing. */
export async function intervene<Data, Reason extends string>(
  context: ServiceContext,
  versions: SagaVersions<Data, Reason>,
  { sagaId, request, by, origin, traceparent }: Intervention,
): Promise<InterventionResult> {
  const { db, outbox } = context;
  return inTransactionOn(db, sagaId, async (tx): Promise<InterventionResult> => {
    const state = await lockById<Data, Reason>(tx, sagaId);
    if (state === undefined) return { kind: "refused", code: "NOT_FOUND" };
    const refused = refusalOf(state, request, versions);
    if (refused) return refused;
    const before = { [versions.newest.keyField]: state.key, ...placeOf(state) };
    const sagas = new SagaBatch(context, versions, new Map([[state.key, state]]));
    try {
      sagas.apply(state.key, { kind: "admin", request, by, traceparent });
    } catch (error) {
      return cannotGoOn(errorText(error));
    }
    await outbox.send(tx, await sagas.save(tx));
    const after = sagas.stateOf(state.key);
    const entry: AuditedAct = {
      action: ACTIONS[request],
      origin,
      subject: { type: "saga", id: sagaId },
      ...{ before, after: after && placeOf(after) },
    };
    alongside(tx, audit(context, tx, entry));
    return { kind: "taken" };
  });
}

/** Whether an admin's request can be met; undefined when it can. */
export function refusalOf<Data, Reason extends string>(
  state: SagaState<Data, Reason>,
  request: AdminRequest,
  versions: SagaVersions<Data, Reason>,
): InterventionRefusal | undefined {
  if (hasEnded(state)) return { kind: "refused", code: "SAGA_ENDED", detail: `The saga has ended: ${state.status}.` };
  const definition = versions.find(state.version);
  if (definition === undefined) return cannotGoOn(`its version ${state.version} is not known to this release`);
  if (request === "cancel" && isPastPivot(definition, state)) {
    const detail = `${definition.pivot.passed}: it can only become COMPLETE. If the saga is stuck, retry it.`;
    return { kind: "refused", code: "SAGA_PAST_PIVOT", detail };
  }
  return undefined;
}

export const cannotGoOn = (problem: string): InterventionRefusal => ({
  kind: "refused",
  code: "SAGA_CANNOT_GO_ON",
  detail: `This release cannot go on with the saga: ${problem}. Put its row right, or start the release that can.`,
});
