import type { Order, OrderItem } from "@shop/contracts/http/order";
import { OrderCreated } from "@shop/contracts/messages/order";
import type { ItemToTake } from "@shop/contracts/primitives";
import type { Transaction } from "@shop/database/connect";
import { isDuplicate, isLockTimeout, isTransient } from "@shop/database/errors";
import { setLockWait } from "@shop/database/locks";
import { alongside, inTransaction } from "@shop/database/transaction";
import { outgoing } from "@shop/messaging/outbox/outgoing";
import { instant } from "@shop/runtime/clock";
import { ExplainedError } from "@shop/runtime/errors";
import { groupCommit } from "@shop/runtime/group-commit";
import { recordStatement } from "@shop/runtime/tracing";
import type { ServiceContext } from "@shop/service/context";
import { readCatalogue } from "../db/catalogue.ts";
import { type Holding, lockHoldings } from "../db/customer-holdings.ts";
import {
  findUsedKeys,
  insertKeys,
  type KeyOfCustomer,
  nameOfKey,
  takeKeys,
  type UsedKey,
} from "../db/idempotency-keys.ts";
import { insertOrders, toSnapshot } from "../db/orders.ts";
import { type CustomerLimits, isLimited, objectionTo } from "../domain/customer-limits.ts";
import { price } from "../domain/pricing.ts";
import { waitingOf } from "../domain/waiting.ts";

export interface OrderRequest {
  readonly customerId: string;
  readonly items: readonly ItemToTake[];
  readonly deliveryAddress: string;
  /** What the customer was shown, in the currency's minor unit: the order is placed at this total or not at all. */
  readonly expectedTotal: number | undefined;
  readonly idempotencyKey: string | undefined;
  readonly traceparent: string;
}

export type Placed =
  | { readonly kind: "placed"; readonly order: Order }
  /** The key was used for the same body before: this is the first answer. */
  | { readonly kind: "replayed"; readonly order: Order }
  | {
      readonly kind: "refused";
      readonly code: "PRICE_CHANGED";
      readonly expectedTotal: number;
      readonly total: number;
      readonly items: readonly OrderItem[];
    }
  | { readonly kind: "refused"; readonly code: "UNKNOWN_PRODUCT"; readonly positions: readonly number[] }
  | { readonly kind: "refused"; readonly code: "IDEMPOTENCY_KEY_REUSED" }
  | { readonly kind: "refused"; readonly code: "TOO_MANY_OPEN_ORDERS"; readonly detail: string };

/** As many requests as one transaction takes, and how many transactions are under way: more of either made nothing faster. */
const MAX_BATCH = 500;
const MAX_IN_FLIGHT = 2;
/** Far more than are placed in the time within which a caller is answered. */
const MAX_WAITING = 10_000;
/** The gateway gives up after 1.8 s: an order that comes to its turn later would be placed for a caller who was told that it was not. */
const MAX_WAIT_MS = 1_000;

type Context = Pick<ServiceContext, "db" | "outbox" | "clock" | "ids" | "tracing">;

/**
 * Places orders: each order, its OrderCreated and its idempotency key are committed together, or the order does not exist.
 * Requests that come while others are being committed share the next transaction.
 * @param limits of what a customer may hold at once; without any nothing is looked up for them
 * @returns a function that resolves when the order is durable, or has been refused
 */
export function placeOrders(context: Context, limits: CustomerLimits = {}): (request: OrderRequest) => Promise<Placed> {
  const { db, tracing } = context;
  return groupCommit<OrderRequest, Placed>({
    maxBatch: MAX_BATCH,
    maxInFlight: MAX_IN_FLIGHT,
    maxWaiting: MAX_WAITING,
    maxWaitMs: MAX_WAIT_MS,
    clock: context.clock,
    isEveryonesFault: isTransient,
    // A twin that another replica, or a session that hangs, has not committed.
    isHeldUp: isLockTimeout,
    nameOf: (request) => keyOf(request).map(nameOfKey)[0],
    run: async (requests, lockWaitMs) => {
      const startedAt = tracing?.now() ?? 0;
      const place = (inTurn: boolean) =>
        inTransaction(db, (tx) => placeAll(tx, context, requests, { lockWaitMs, inTurn, limits }));
      const results = await place(false).catch((error: unknown) => {
        if (!isDuplicate(error)) throw error;
        return place(true);
      });
      if (tracing !== undefined)
        recordStatement(tracing, {
          ...{ operation: "INSERT", collection: "orders", startedAt },
          causedBy: requests.map(({ traceparent }) => traceparent),
        });
      return results;
    },
  });
}

interface Placing {
  readonly lockWaitMs: number;
  /** Whether to see first which keys are free, and then to store their orders: one round trip more. Otherwise a key that a twin has taken fails the transaction. */
  readonly inTurn: boolean;
  readonly limits: CustomerLimits;
}

async function placeAll(
  tx: Transaction,
  { outbox, clock, ids }: Context,
  requests: readonly OrderRequest[],
  { lockWaitMs, inTurn, limits }: Placing,
): Promise<readonly Placed[]> {
  const productIds = new Set(requests.flatMap(({ items }) => items.map(({ productId }) => productId.toLowerCase())));
  const [, holdings, catalogue, used] = await Promise.all([
    setLockWait(tx, lockWaitMs),
    isLimited(limits) ? lockHoldings(tx, [...new Set(requests.map(({ customerId }) => customerId))]) : undefined,
    readCatalogue(tx, [...productIds]),
    findUsedKeys(tx, requests.flatMap(keyOf)),
  ]);
  const now = instant(clock);
  const holders = createHolders(holdings, limits);

  const attempts = requests.map((request) => {
    const known = usedBy(request, used);
    if (known) return { request, result: replay(request, known) };
    const pricing = price(request.items, catalogue);
    if (pricing.kind === "unknownProducts") {
      return { request, result: { kind: "refused", code: "UNKNOWN_PRODUCT", positions: pricing.positions } as const };
    }
    const { expectedTotal } = request;
    const { items, total } = pricing;
    // By the very prices that the order would be stored with, so that none can change in between.
    if (expectedTotal !== undefined && expectedTotal !== total) {
      return { request, result: { kind: "refused", code: "PRICE_CHANGED", expectedTotal, total, items } as const };
    }
    const objection = holders?.take(request);
    if (objection !== undefined)
      return { request, result: { kind: "refused", code: "TOO_MANY_OPEN_ORDERS", detail: objection } as const };
    const order: Order = {
      id: ids(),
      customerId: request.customerId,
      status: "PENDING",
      progress: "CREATED",
      waiting: waitingOf("CREATED", new Date(now)),
      cancelReason: null,
      items: [...items],
      total,
      currency: "KRW",
      deliveryAddress: request.deliveryAddress,
      createdAt: now,
      updatedAt: now,
    };
    return { request, result: { kind: "placed", order } as const };
  });

  const newKeys = attempts.flatMap(({ request, result }) =>
    result.kind === "placed"
      ? keyOf(request).map((key) => ({
          ...key,
          bodyHash: hashOf(request),
          orderId: result.order.id,
          createdAt: new Date(now),
        }))
      : [],
  );
  const taken = inTurn ? await takeKeys(tx, newKeys) : insertKeys(tx, newKeys);
  const orderOfKey = new Map(newKeys.map((key) => [key.orderId, nameOfKey(key)]));
  const winners = new Set(firstOfEachKey(newKeys, taken));
  const isOurs = (orderId: string) => !orderOfKey.has(orderId) || winners.has(orderId);

  const placed = attempts.flatMap(({ request, result }) =>
    result.kind === "placed" && isOurs(result.order.id)
      ? [{ order: result.order, traceparent: request.traceparent }]
      : [],
  );
  if (placed.length > 0) {
    insertOrders(
      tx,
      placed.map(({ order }) => order),
    );
    const events = placed.map(({ order, traceparent }) =>
      outgoing(OrderCreated, order.id, toSnapshot(order), traceparent),
    );
    alongside(tx, outbox.send(tx, events));
  }
  if (winners.size === newKeys.length) return attempts.map(({ result }) => result);

  // A twin was first, in this batch or in another transaction that has committed by now.
  const usedByNow = await findUsedKeys(tx, requests.flatMap(keyOf));
  return attempts.map(({ request, result }) => {
    if (result.kind !== "placed" || isOurs(result.order.id)) return result;
    const known = usedBy(request, usedByNow);
    if (known === undefined) throw new ExplainedError("an idempotency key is taken, but its order is not there");
    return replay(request, known);
  });
}

/** Counts what the orders of one batch add to what their customers hold. */
function createHolders(holdings: ReadonlyMap<string, Holding> | undefined, limits: CustomerLimits) {
  if (holdings === undefined) return undefined;
  const held = new Map(holdings);
  const counted = new Set<string>();
  return {
    /** Why the order may not be placed; undefined when it may, and then it is counted. A twin by its key is no further order. */
    take(request: OrderRequest): string | undefined {
      const { customerId, items } = request;
      const [name] = keyOf(request).map(nameOfKey);
      if (name !== undefined && counted.has(name)) return undefined;
      const before = held.get(customerId) ?? { orders: 0, units: 0 };
      const units = items.reduce((sum, { quantity }) => sum + quantity, 0);
      const objection = objectionTo(units, before, limits);
      if (objection !== undefined) return objection;
      held.set(customerId, { orders: before.orders + 1, units: before.units + units });
      if (name !== undefined) counted.add(name);
      return undefined;
    },
  };
}

/** Of several requests with one key in the same batch, one wrote it; these are the orders of those that did. */
function firstOfEachKey(
  keys: readonly (KeyOfCustomer & { readonly orderId: string })[],
  taken: ReadonlySet<string>,
): readonly string[] {
  const first = new Map<string, string>();
  for (const key of keys) {
    const name = nameOfKey(key);
    if (taken.has(name) && !first.has(name)) first.set(name, key.orderId);
  }
  return [...first.values()];
}

function keyOf({ customerId, idempotencyKey }: OrderRequest): readonly KeyOfCustomer[] {
  return idempotencyKey === undefined ? [] : [{ customerId, key: idempotencyKey }];
}

function usedBy(request: OrderRequest, used: ReadonlyMap<string, UsedKey>): UsedKey | undefined {
  const [key] = keyOf(request);
  return key && used.get(nameOfKey(key));
}

function replay(request: OrderRequest, { bodyHash, order }: UsedKey): Placed {
  return bodyHash === hashOf(request)
    ? { kind: "replayed", order }
    : { kind: "refused", code: "IDEMPOTENCY_KEY_REUSED" };
}

/** The body as parsed JSON: the order of its fields and its white space do not count. A field that is not given leaves no trace. */
function hashOf({ items, deliveryAddress, expectedTotal }: OrderRequest): string {
  const canonical = JSON.stringify([
    items.map(({ productId, quantity }) => [productId, quantity]),
    deliveryAddress,
    ...(expectedTotal === undefined ? [] : [expectedTotal]),
  ]);
  return new Bun.CryptoHasher("sha256").update(canonical).digest("hex");
}
