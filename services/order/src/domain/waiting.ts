import type { OrderProgress, OrderWaiting } from "@shop/contracts/http/order";
import { STEP_DEADLINE_MS } from "@shop/contracts/step-deadline";

interface Wait {
  readonly for: string;
  /** Whether the order is cancelled when it takes too long. What is past the rider, or compensating, is retried until it is done. */
  readonly ends: boolean;
}

const waits: Readonly<Record<OrderProgress, Wait | null>> = {
  CREATED: { for: "the shop's stock", ends: true },
  STOCK_TAKEN: { for: "a delivery to be arranged", ends: true },
  WAITING_FOR_RIDER: { for: "a rider", ends: false },
  DELIVERED: { for: "the order to be closed: it has been delivered", ends: false },
  CANCELLING: { for: "the order to be cancelled, unless a rider was first", ends: false },
  COMPLETE: null,
  CANCELLED: null,
};

/**
 * What an order waits for, in words for its customer, and until when.
 * @param since when it came to this progress; the saga came to its step some milliseconds before or after
 */
export function waitingOf(progress: OrderProgress, since: Date): OrderWaiting | null {
  const wait = waits[progress];
  if (wait === null) return null;
  return { for: wait.for, until: wait.ends ? new Date(since.getTime() + STEP_DEADLINE_MS).toISOString() : null };
}
