import { ERASED } from "@shop/contracts/primitives";
import { type ParticipantName, participants } from "@shop/contracts/services";
import postgres from "postgres";

export interface OrderRow {
  readonly id: string;
  readonly status: "PENDING" | "COMPLETE" | "CANCELLED";
  readonly items: readonly {
    readonly productId: string;
    readonly quantity: number;
    readonly name: string;
    readonly unitPrice: number;
  }[];
  readonly total: number;
  readonly address: string;
  /** Why it was cancelled; null when it was not. */
  readonly reason: string | null;
}
interface ReservationRow {
  readonly order_id: string;
  readonly status: "TAKEN" | "REFUSED" | "RETURNED";
  /** Why nothing was taken; null when something was. */
  readonly refusal: string | null;
  readonly items: readonly { readonly productId: string; readonly quantity: number }[];
}
interface DeliveryRow {
  readonly order_id: string;
  readonly status: "PENDING" | "COMPLETE" | "CANCELLED" | "FAILED";
  readonly rider_id: string | null;
  readonly address: string;
}
interface SagaRow {
  readonly order_id: string;
  readonly status: string;
  readonly step: string;
  readonly stuck: boolean;
}

/** A connection to the database of each of them. */
type Connections = (name: ParticipantName) => postgres.Sql;

/** What the databases say of stock, orders, deliveries and sagas, as it stands in them. */
export interface Accounts {
  readonly orders: readonly OrderRow[];
  readonly reservations: readonly ReservationRow[];
  readonly products: readonly {
    readonly id: string;
    readonly name: string;
    readonly price: number;
    readonly version: number;
    readonly stock: number;
    readonly broughtIn: number;
  }[];
  readonly deliveries: readonly DeliveryRow[];
  readonly sagas: readonly SagaRow[];
  /** How often the OrderCreated of each order stands in the outbox. */
  readonly created: readonly { readonly key: string; readonly n: number }[];
  readonly unsent: number;
  readonly deadLetters: readonly string[];
}

/** What breaks a rule: that of the balance of a product's stock, or that every order ends, in agreement among the services. */
export interface AccountMismatch {
  readonly about: "stock" | "order" | "outbox";
  /** The order that breaks it, when it is one. */
  readonly orderId?: string;
  readonly text: string;
}

/** @param from the addresses of the databases by service, or connections to them that are there already */
export async function readAccounts(from: ReadonlyMap<string, string> | Connections): Promise<Accounts> {
  if (typeof from === "function") return read(from);
  const clients = new Map(
    participants.map((name) => {
      const url = from.get(name);
      if (url === undefined) throw new Error(`the address of the ${name} database is not known`);
      return [name, postgres(url, { max: 1, onnotice: () => undefined })] as const;
    }),
  );
  try {
    return await read((name) => clients.get(name) as postgres.Sql);
  } finally {
    await Promise.all([...clients.values()].map((client) => client.end({ timeout: 2 })));
  }
}

async function read(on: Connections): Promise<Accounts> {
  const [orders, reservations, products, deliveries, sagas] = await Promise.all([
    on("order")<
      OrderRow[]
    >`select id, status, items, total::float8 as total, delivery_address as address, cancel_reason as reason from orders`,
    on("product")<ReservationRow[]>`select order_id, status, refusal, items from reservation`,
    on("product")<Accounts["products"][number][]>`
      select p.id, p.name, p.price::float8 as price, p.version, p.stock, coalesce((select sum(delta) from stock_change c where c.product_id = p.id), 0)::int8::float8 as "broughtIn"
      from product p order by p.id`,
    on("delivery")<DeliveryRow[]>`select order_id, status, rider_id, delivery_address as address from delivery`,
    on("orchestrator")<SagaRow[]>`select order_id, status, step, stuck_since is not null as stuck from saga`,
  ]);
  const created = await on("order")<Accounts["created"][number][]>`
    select key, count(*)::int as n from outbox where payload->>'type' = 'OrderCreated' group by key`;
  let unsent = 0;
  const deadLetters: string[] = [];
  for (const name of participants) {
    const [row] = await on(name)<{ n: number }[]>`select count(*)::int as n from outbox where sent_at is null`;
    unsent += row?.n ?? 0;
    const kept = await on(name)<{ cause: string; type: string | null; key: string | null; detail: string }[]>`
      select cause, type, key, left(detail, 200) as detail from dead_letter`;
    deadLetters.push(
      ...kept.map(({ cause, type, key, detail }) => `${name}: ${cause} ${type ?? ""} ${key ?? ""} ${detail}`),
    );
  }
  return { orders, reservations, products, deliveries, sagas, created, unsent, deadLetters };
}

/** What in these accounts contradicts itself; nothing when the books balance. */
export function judgeAccounts(accounts: Accounts): readonly AccountMismatch[] {
  const { orders, reservations, products, deliveries, sagas, created, unsent } = accounts;
  const findings: AccountMismatch[] = [];
  const ordered = stockHeld(accounts);
  for (const { id, name, stock, broughtIn } of products) {
    const held = ordered.get(id) ?? 0;
    if (stock < 0) findings.push({ about: "stock", text: `product ${name}: its stock is ${stock}` });
    if (broughtIn - stock !== held) {
      findings.push({
        about: "stock",
        text: `product ${name} (${id}): ${broughtIn} came in, ${stock} are left, but orders hold ${held}`,
      });
    }
  }
  const taken = new Map(reservations.filter(({ status }) => status === "TAKEN").map((row) => [row.order_id, row]));
  const deliveryOf = new Map(deliveries.map((row) => [row.order_id, row]));
  if (deliveryOf.size !== deliveries.length)
    findings.push({ about: "order", text: "an order has more than one delivery" });
  const sagaOf = new Map(sagas.map((row) => [row.order_id, row]));
  const createdOf = new Map(created.map(({ key, n }) => [key, n]));
  for (const order of orders) {
    const { id } = order;
    const wrong = judge(order, taken.get(id), deliveryOf.get(id), sagaOf.get(id), createdOf.get(id) ?? 0);
    findings.push(...wrong.map((text): AccountMismatch => ({ about: "order", orderId: id, text })));
  }
  const known = new Set(orders.map(({ id }) => id));
  for (const id of new Set([...taken.keys(), ...deliveryOf.keys(), ...sagaOf.keys(), ...createdOf.keys()])) {
    if (!known.has(id))
      findings.push({
        about: "order",
        orderId: id,
        text: `order ${id} is known to another service, but not to its own`,
      });
  }
  if (unsent > 0) findings.push({ about: "outbox", text: `${unsent} messages are still in an outbox` });
  return findings;
}

/** How many of each product orders hold. */
export function stockHeld({ reservations }: Accounts): ReadonlyMap<string, number> {
  const held = new Map<string, number>();
  for (const { productId, quantity } of reservations.flatMap(({ status, items }) => (status === "TAKEN" ? items : [])))
    held.set(productId, (held.get(productId) ?? 0) + quantity);
  return held;
}

/** What is wrong with one order, seen from all services. */
function judge(
  order: OrderRow,
  taken: ReservationRow | undefined,
  delivery: DeliveryRow | undefined,
  saga: SagaRow | undefined,
  created: number,
): readonly string[] {
  const findings: string[] = [];
  const wrong = (what: string) => findings.push(`order ${order.id} is ${order.status}, but ${what}`);
  // More than once when the message was republished.
  // An erasure takes the messages of an order with it.
  if (created === 0 && order.address !== ERASED) wrong("its OrderCreated does not stand in the outbox");
  if (saga === undefined) wrong("it has no saga");
  else if (saga.stuck) wrong(`its saga is stuck at ${saga.step}`);
  switch (order.status) {
    case "PENDING":
      if (saga && (saga.status !== "RUNNING" || saga.step !== "WAIT_FOR_RIDER"))
        wrong(`its saga is ${saga.status} at ${saga.step}, not waiting for a rider`);
      if (delivery?.status !== "PENDING") wrong(`its delivery is ${delivery?.status ?? "missing"}`);
      break;
    case "COMPLETE":
      if (saga && saga.status !== "COMPLETE") wrong(`its saga is ${saga.status}`);
      if (delivery?.status !== "COMPLETE") wrong(`its delivery is ${delivery?.status ?? "missing"}`);
      break;
    case "CANCELLED":
      if (saga && saga.status !== "CANCELLED") wrong(`its saga is ${saga.status}`);
      if (delivery?.status === "PENDING" || delivery?.status === "COMPLETE")
        wrong(`its delivery is ${delivery.status}`);
      break;
    default:
      order.status satisfies never;
  }
  if (order.status === "CANCELLED") {
    if (taken) wrong("its stock has not been given back");
  } else if (taken === undefined) {
    wrong("it holds no stock");
  } else if (summary(taken.items) !== summary(order.items)) {
    wrong(`it ordered ${summary(order.items)} and holds ${summary(taken.items)}`);
  }
  return findings;
}

function summary(items: ReservationRow["items"]): string {
  return items
    .map(({ productId, quantity }) => `${quantity} of ${productId}`)
    .toSorted()
    .join(", ");
}
