import type { Entry, ShownOrder } from "../load/journal.ts";
import type { Evidence } from "./evidence.ts";
import type { Breach } from "./rules.ts";

/** What each call may answer beside "not now" (503, 429) and nothing at all. */
const MAY_ANSWER: Readonly<Record<string, readonly number[]>> = {
  "POST /api/orders": [201],
  "GET /api/orders": [200],
  "GET /api/orders/{id}": [200],
  "POST /api/orders/{id}/cancel": [202, 409],
  "GET /api/deliveries": [200],
  "PUT /api/deliveries/{id}/claim": [200, 409],
  "DELETE /api/deliveries/{id}/claim": [200, 409],
  "PUT /api/deliveries/{id}/complete": [200, 409],
  "PUT /api/deliveries/{id}/fail": [200, 409],
  "GET /api/sagas": [200],
  "POST /api/sagas/{id}/retry": [202, 409],
  "POST /api/sagas/{id}/cancel": [202, 409],
  "GET /api/products/{id}": [200],
  "POST /api/products": [201],
  // A product may have been withdrawn meanwhile.
  "PATCH /api/products/{id}": [200, 404],
  "POST /api/products/{id}/stock": [200, 404, 409],
  "DELETE /api/products/{id}": [204, 404],
};
const NOT_NOW: readonly number[] = [0, 429, 503];

const isOk = ({ status }: Entry) => status >= 200 && status < 300;

/** I8: each call was answered in one of the ways that it may be, or not now. A 2xx of a call that nobody judges is a breach, too. */
export function answeredAsDeclared({ journal, mayAnswer = [] }: Evidence): readonly Breach[] {
  const breaches: Breach[] = [];
  const withdrawn = new Set(journal.flatMap(({ method, about }) => (method === "DELETE" ? (about ?? []) : [])));
  for (const { method, call, status, orderId, problem, at, asked, expects } of journal) {
    const name = `${method} ${call}`;
    const declared = expects ?? MAY_ANSWER[name];
    const isWithdrawn = problem === "UNKNOWN_PRODUCT" && asked?.items.some(({ productId }) => withdrawn.has(productId));
    if (isWithdrawn) continue;
    if (NOT_NOW.includes(status) || mayAnswer.includes(status) || declared?.includes(status)) continue;
    const text = `${name} was answered with ${status} ${problem ?? ""} (asked at ${at}), which it may not be`;
    breaches.push({ rule: "I8", ...(orderId === undefined ? {} : { orderId }), text });
  }
  return breaches;
}

/** I8: customers are shown their own orders only. */
export function shownToOwners({ journal }: Evidence): readonly Breach[] {
  const breaches: Breach[] = [];
  const ownerOf = new Map<string, string>();
  for (const { who, call, ownerIds = [], at } of journal) {
    if (!call.startsWith("/api/orders") || who.startsWith("admin")) continue;
    for (const ownerId of ownerIds) {
      const own = ownerOf.get(who) ?? ownerId;
      ownerOf.set(who, own);
      if (ownerId !== own)
        breaches.push({ rule: "I8", text: `${who} was shown an order of ${ownerId} (asked at ${at})` });
    }
  }
  return breaches;
}

/** I8: what was asked for, what was shown of it, and what it is: items, prices, total and address, of the delivery too. */
export function keptAsShown({ accounts, journal }: Evidence): readonly Breach[] {
  const breaches: Breach[] = [];
  const broken = (orderId: string, text: string) => breaches.push({ rule: "I8", orderId, text });
  const orders = new Map(accounts.orders.map((order) => [order.id, order]));
  for (const entry of journal) {
    const { orderId, order: shown, asked } = entry;
    const order = orderId === undefined ? undefined : orders.get(orderId);
    if (order === undefined || !isOk(entry)) continue;
    const { items, total, address } = order;
    const is = textOf({ items, total, deliveryAddress: address });
    if (shown && textOf(shown) !== is) broken(order.id, `was shown as ${textOf(shown)}, and is ${is}`);
    if (asked === undefined) continue;
    const bought = (of: NonNullable<Entry["asked"]>["items"]) =>
      JSON.stringify(of.map(({ productId, quantity }) => [productId, quantity]));
    if (bought(asked.items) !== bought(items))
      broken(order.id, `was asked for with ${bought(asked.items)}, and has ${bought(items)}`);
    if (asked.deliveryAddress !== address)
      broken(order.id, `was to go to ${asked.deliveryAddress}, and goes to ${address}`);
  }
  for (const { id, items, total } of accounts.orders) {
    const sum = items.reduce((cost, { quantity, unitPrice }) => cost + quantity * unitPrice, 0);
    if (sum !== total) broken(id, `its items cost ${sum}, and its total is ${total}`);
  }
  for (const { order_id: orderId, address } of accounts.deliveries) {
    const order = orders.get(orderId);
    if (order && order.address !== address) broken(orderId, `goes to ${order.address}, and its delivery to ${address}`);
  }
  return breaches;
}

function textOf({ items, total, deliveryAddress }: ShownOrder): string {
  const each = items.map(({ productId, name, unitPrice, quantity }) => [productId, name, unitPrice, quantity]);
  return JSON.stringify([each, total, deliveryAddress]);
}

/** I8: what an admin was told of products. What was not answered may have been done. */
export function keptOfProducts({ accounts, journal }: Evidence): readonly Breach[] {
  const breaches: Breach[] = [];
  const broken = (text: string) => breaches.push({ rule: "I8", text });
  const products = new Map(accounts.products.map((product) => [product.id, product]));
  for (const entry of journal) {
    const { product: shown } = entry;
    if (shown === undefined || !isOk(entry)) continue;
    const { id, version, name, price } = shown;
    const is = products.get(id);
    if (is === undefined || is.version < version) broken(`product ${id} was answered as version ${version} and is not`);
    else if (is.version === version && (is.name !== name || is.price !== price))
      broken(`version ${version} of product ${id} was shown as ${name}, ${price}, and is ${is.name}, ${is.price}`);
  }
  const changes = journal.filter(({ delta }) => delta !== undefined);
  for (const [productId, entries] of Map.groupBy(changes, ({ about }) => about ?? "")) {
    const is = products.get(productId);
    const first = journal.find(({ product, method }) => method === "POST" && product?.id === productId)?.stock;
    if (is === undefined || first === undefined) continue;
    const sum = (some: readonly Entry[]) => some.reduce((total, { delta = 0 }) => total + delta, 0);
    const done = first + sum(entries.filter(isOk));
    const unknown = entries.filter(({ status }) => NOT_NOW.includes(status));
    const least = done + sum(unknown.filter(({ delta = 0 }) => delta < 0));
    const most = done + sum(unknown.filter(({ delta = 0 }) => delta > 0));
    if (is.broughtIn < least || is.broughtIn > most)
      broken(`of product ${productId} ${is.broughtIn} came in, by the answers ${least} to ${most}`);
  }
  return breaches;
}

/** I8: a delivery that was given to a rider is that rider's until it is given back, and anyone who ended it is who did. */
export function keptToRiders({ accounts, journal }: Evidence): readonly Breach[] {
  const breaches: Breach[] = [];
  const riderOf = new Map(accounts.deliveries.map((row) => [row.order_id, row.rider_id]));
  const rides = journal.filter(({ call }) => call.startsWith("/api/deliveries/{id}/"));
  for (const [orderId, entries] of Map.groupBy(rides, (entry) => entry.orderId ?? "")) {
    // A release that was not answered, or with a 503, may have been done.
    const isReleased = entries.some(({ method }) => method === "DELETE");
    // Refusals name no rider.
    const told = new Set(entries.flatMap(({ method, riderId }) => (method === "PUT" ? (riderId ?? []) : [])));
    if (!isReleased && told.size > 1)
      breaches.push({ rule: "I8", orderId, text: `its delivery was given to ${[...told].join(" and to ")}` });
    const [claimer] = told;
    const holder = riderOf.get(orderId);
    if (!isReleased && claimer !== undefined && holder !== claimer)
      breaches.push({ rule: "I8", orderId, text: `its delivery was given to ${claimer}, and is the one of ${holder}` });
    for (const { call, riderId } of entries) {
      if (riderId === undefined || call.endsWith("/claim") || riderId === holder) continue;
      const text = `its delivery was ended by ${riderId}, and is the one of ${holder}`;
      breaches.push({ rule: "I8", orderId, text });
    }
  }
  return breaches;
}

/** I8: what clients were told against what became of it. */
export function keptToCustomers({ accounts, journal, orderOfKey }: Evidence): readonly Breach[] {
  const breaches: Breach[] = [];
  const broken = (orderId: string, text: string) => breaches.push({ rule: "I8", orderId, text });
  const statusOf = new Map<string, string>(accounts.orders.map(({ id, status }) => [id, status]));
  const deliveryOf = new Map<string, string>(accounts.deliveries.map((row) => [row.order_id, row.status]));
  const answered = new Map<string, string>();
  for (const entry of journal) {
    const { method, call, status, orderId, key } = entry;
    if (orderId === undefined) continue;
    if (isPlaced(entry)) {
      if (!statusOf.has(orderId)) broken(orderId, "was answered with 201 and does not exist");
      if (key !== undefined) {
        const before = answered.get(key) ?? orderOfKey.get(key);
        if (before !== orderId)
          broken(orderId, `the key ${key} was answered with this order, and stands for ${before}`);
        answered.set(key, orderId);
      }
    }
    if (!isOk(entry)) continue;
    if (
      method === "PUT" &&
      call.endsWith("/complete") &&
      (deliveryOf.get(orderId) !== "COMPLETE" || statusOf.get(orderId) !== "COMPLETE")
    )
      broken(orderId, `its delivery was completed with ${status}, and it is ${statusOf.get(orderId)}`);
    if (
      method === "PUT" &&
      call.endsWith("/fail") &&
      (deliveryOf.get(orderId) !== "FAILED" || statusOf.get(orderId) !== "CANCELLED")
    )
      broken(orderId, `its delivery was given up with ${status}, and it is ${statusOf.get(orderId)}`);
    if (method === "POST" && call.endsWith("/cancel") && statusOf.get(orderId) === "PENDING")
      broken(orderId, `its cancel was taken with ${status}, and it is still PENDING`);
  }
  return breaches;
}

export function isPlaced({ method, call, status }: Pick<Entry, "method" | "call" | "status">): boolean {
  return method === "POST" && call === "/api/orders" && status === 201;
}
