import type { OrderProgress, OrderWaiting } from "@shop/contracts/http/order";
import { orderSaga } from "@shop/contracts/order-saga";

interface Wait {
  readonly for: string;
  /** After how many milliseconds the order is cancelled; null where it waits for as long as it takes. */
  readonly deadlineMs: number | null;
}

const waits: ReadonlyMap<string, Wait | null> = new Map(Object.entries(orderSaga.waits));

/**
 * What an order waits for, in words for its customer, and until when.
 * @param since when it came to this progress; the saga came to its step some milliseconds before or after
 * @returns null for an order that has ended, and for a progress that a newer release has written
 */
export function waitingOf(progress: OrderProgress, since: Date): OrderWaiting | null {
  const wait = waits.get(progress) ?? null;
  if (wait === null) return null;
  const { deadlineMs } = wait;
  return { for: wait.for, until: deadlineMs === null ? null : new Date(since.getTime() + deadlineMs).toISOString() };
}
