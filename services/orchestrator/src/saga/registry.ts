import { orderSaga } from "../sagas/order.saga.ts";
import { type SagaVersions, sagaVersions } from "./versions.ts";

/** Every version of the order's saga that may still be in flight, the newest last. A version leaves when no saga runs under it any more. */
export const orderSagaVersions: SagaVersions = sagaVersions([orderSaga]);
