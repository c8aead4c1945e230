/** How many of one product. */
export interface Item {
  readonly productId: string;
  readonly quantity: number;
}

/** `TAKEN`: the order holds its items. `REFUSED`: it was given none. `RETURNED`: it holds none and never will. */
export type ReservationStatus = "TAKEN" | "REFUSED" | "RETURNED";

/** What an order asks for: all of it or none, each product once. */
export interface StockRequest {
  readonly orderId: string;
  readonly items: readonly Item[];
}

export interface StockLevel {
  readonly stock: number;
  readonly isWithdrawn: boolean;
}

export type StockDecision =
  | { readonly kind: "taken" }
  | { readonly kind: "refused"; readonly reason: "PRODUCT_NOT_FOUND" | "OUT_OF_STOCK" };

export interface Decisions {
  /** By order id. */
  readonly byOrder: ReadonlyMap<string, StockDecision>;
  /** What leaves each stock level in all. */
  readonly taken: readonly Item[];
}

/** Decides requests one after the other: first come, first served, each with all of its items or with none. */
export function decideInOrder(
  requests: readonly StockRequest[],
  stockLevels: ReadonlyMap<string, StockLevel>,
): Decisions {
  const left = new Map([...stockLevels].flatMap(([id, { stock, isWithdrawn }]) => (isWithdrawn ? [] : [[id, stock]])));
  const byOrder = new Map<string, StockDecision>();
  const granted: Item[] = [];
  for (const { orderId, items } of requests) {
    const decision = decide(items, left);
    byOrder.set(orderId, decision);
    if (decision.kind === "refused") continue;
    for (const { productId, quantity } of items) left.set(productId, (left.get(productId) ?? 0) - quantity);
    granted.push(...items);
  }
  return { byOrder, taken: totalsByProduct(granted) };
}

function decide(items: readonly Item[], left: ReadonlyMap<string, number>): StockDecision {
  if (items.some(({ productId }) => !left.has(productId))) return { kind: "refused", reason: "PRODUCT_NOT_FOUND" };
  const fallsShort = items.some(({ productId, quantity }) => (left.get(productId) ?? 0) < quantity);
  return fallsShort ? { kind: "refused", reason: "OUT_OF_STOCK" } : { kind: "taken" };
}

/** Sums items so that each product stands once, its id in lower case as the database writes it. */
export function totalsByProduct(items: readonly Item[]): readonly Item[] {
  const totals = new Map<string, number>();
  for (const { productId, quantity } of items) {
    const id = productId.toLowerCase();
    totals.set(id, (totals.get(id) ?? 0) + quantity);
  }
  return [...totals].map(([productId, quantity]) => ({ productId, quantity }));
}

/** How many can still be added to a stock so that all that orders hold could come back as well. */
export function isStockInRange(stock: number, taken: number, maxStock: number): boolean {
  return stock >= 0 && stock + taken <= maxStock;
}
