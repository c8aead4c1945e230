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
  /** What was asked for, of an order that was placed. */
  readonly asked?: { readonly items: readonly Bought[]; readonly deliveryAddress: string };
  /** What an answer showed of an order beside its status. */
  readonly order?: ShownOrder;
  /** What an answer showed of a product. */
  readonly product?: ShownProduct;
  /** Whose orders an answer showed. */
  readonly ownerIds?: readonly string[];
  /** The statuses that this call alone may be answered with, beside "not now". */
  readonly expects?: readonly number[];
  /** The product that a call is about. */
  readonly about?: string;
  /** The first stock of a new product. */
  readonly stock?: number;
  /** By how much a call was to change a stock. */
  readonly delta?: number;
  /** The status that the answer gives to the order or the delivery. */
  readonly said?: string;
  /** Whose delivery it is by the answer. */
  readonly riderId?: string;
  /** In seconds, of a call that was refused for now. */
  readonly retryAfter?: number;
  /** The problem's code, or why there is no answer. */
  readonly problem?: string;
}

export interface Bought {
  readonly productId: string;
  readonly quantity: number;
}

export interface ShownOrder {
  readonly items: readonly (Bought & { readonly name: string; readonly unitPrice: number })[];
  readonly total: number;
  readonly deliveryAddress: string;
}

export interface ShownProduct {
  readonly id: string;
  readonly name: string;
  readonly price: number;
  readonly version: number;
}

/** What a body shows of an order, several orders, or a product. */
export function shownIn(body: Readonly<Record<string, unknown>>): Pick<Entry, "order" | "product" | "ownerIds"> {
  const { id, customerId, items, total, deliveryAddress, name, price, version } = body;
  if (Array.isArray(items) && typeof total === "number" && typeof deliveryAddress === "string")
    return { order: { items: items as ShownOrder["items"], total, deliveryAddress }, ownerIds: [String(customerId)] };
  if (Array.isArray(items)) {
    const shown = items as readonly { readonly customerId?: string }[];
    return { ownerIds: [...new Set(shown.flatMap((item) => item.customerId ?? []))] };
  }
  if (typeof id === "string" && typeof name === "string" && typeof price === "number" && typeof version === "number")
    return { product: { id, name, price, version } };
  return {};
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
