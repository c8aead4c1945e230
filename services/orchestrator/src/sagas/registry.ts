import { orderSaga } from "./order.saga.ts";
import type { OrderSnapshot } from "@shop/contracts/messages/order";
import type { CancelReason } from "@shop/contracts/primitives";
import { type SagaVersions, sagaVersions } from "../saga/versions.ts";

/** Every version of the order's saga that may still be in flight, the newest last. A version leaves when no saga runs under it any more. */
export const orderSagaVersions: SagaVersions<OrderSnapshot, CancelReason> = sagaVersions([orderSaga]);
