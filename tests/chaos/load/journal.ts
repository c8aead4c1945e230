/** One request of a client and what it was told. */
export interface Entry {
  /** When it was asked, in milliseconds since the load began. */
  readonly at: number;
  readonly ms: number;
  readonly who: string;
  readonly method: string;
  /** With ids replaced: `/api/orders/{id}/cancel`. */
  readonly call: string;
  /** 0 when no answer came. */
  readonly status: number;
  /** The idempotency key under which an order was placed. */
  readonly key?: string;
  readonly orderId?: string;
  /** The status that the answer gives to the order or the delivery. */
  readonly said?: string;
  /** Whose delivery it is by the answer. */
  readonly riderId?: string;
  /** In seconds, of a call that was refused for now. */
  readonly retryAfter?: number;
  /** The problem's code, or why there is no answer. */
  readonly problem?: string;
}

const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/gi;

/** A path as the contract's table writes it. */
export function callOf(path: string): string {
  return path.replace(UUID, "{id}").replace(/\?.*/, "");
}

/** How often each status came; `none` for calls without an answer. */
export function answersByStatus(entries: readonly Entry[]): Readonly<Record<string, number>> {
  return countsOf(entries.map(({ status }) => (status === 0 ? "none" : String(status))));
}

/** How often each problem came, by its code. */
export function problemsByCode(entries: readonly Entry[]): Readonly<Record<string, number>> {
  return countsOf(entries.flatMap(({ problem }) => problem ?? []));
}

function countsOf(names: readonly string[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}
