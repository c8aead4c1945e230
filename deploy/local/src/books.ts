import postgres from "postgres";

interface OrderRow {
  readonly id: string;
  readonly status: "PENDING" | "COMPLETE" | "CANCELLED";
  readonly items: readonly { readonly productId: string; readonly quantity: number }[];
}
interface ReservationRow {
  readonly order_id: string;
  readonly status: "TAKEN" | "REFUSED" | "RETURNED";
  readonly items: readonly { readonly productId: string; readonly quantity: number }[];
}
interface DeliveryRow {
  readonly order_id: string;
  readonly status: "PENDING" | "COMPLETE" | "CANCELLED" | "FAILED";
}
interface SagaRow {
  readonly order_id: string;
  readonly status: string;
  readonly step: string;
  readonly stuck: boolean;
}

/** A product's stock and where it went, in pieces. */
export interface ProductAccount {
  readonly id: string;
  readonly name: string;
  /** Initial stock and all changes by hand. */
  readonly broughtIn: number;
  readonly stock: number;
  /** Held by orders that are not cancelled. */
  readonly ordered: number;
}

export interface Books {
  readonly products: readonly ProductAccount[];
  readonly orders: Readonly<Record<OrderRow["status"], number>>;
  /** Messages that could not be handled, with their causes. */
  readonly deadLetters: readonly string[];
  /** Outbox rows that Kafka has not acknowledged. */
  readonly unsent: number;
  /** What breaks a rule, each as a sentence that names the order or product; empty when the books balance. */
  readonly findings: readonly string[];
}

const participants = ["order", "product", "delivery", "orchestrator"] as const;

/**
 * Compares the databases of a system that has come to rest: stock against orders, deliveries and sagas. It only reads.
 * While messages are still on their way it finds what they would have settled; ask again until nothing changes.
 * @param databaseUrls by service
 */
export async function readBooks(databaseUrls: ReadonlyMap<string, string>): Promise<Books> {
  const clients = new Map(
    participants.map((name) => {
      const url = databaseUrls.get(name);
      if (url === undefined) throw new Error(`the address of the ${name} database is not known`);
      return [name, postgres(url, { max: 1, onnotice: () => undefined })] as const;
    }),
  );
  const on = (name: (typeof participants)[number]): postgres.Sql => clients.get(name) as postgres.Sql;
  try {
    const [orders, reservations, accounts, deliveries, sagas] = await Promise.all([
      on("order")<OrderRow[]>`select id, status, items from orders`,
      on("product")<ReservationRow[]>`select order_id, status, items from reservation`,
      on("product")<{ id: string; name: string; stock: number; brought_in: number }[]>`
        select p.id, p.name, p.stock, coalesce((select sum(delta) from stock_change c where c.product_id = p.id), 0)::int8::float8 as brought_in
        from product p order by p.id`,
      on("delivery")<DeliveryRow[]>`select order_id, status from delivery`,
      on("orchestrator")<SagaRow[]>`select order_id, status, step, stuck_since is not null as stuck from saga`,
    ]);
    const created = await on("order")<{ key: string; n: number }[]>`
      select key, count(*)::int as n from outbox where payload->>'type' = 'OrderCreated' group by key`;
    let unsent = 0;
    const deadLetters: string[] = [];
    for (const name of participants) {
      const [row] = await on(name)<{ n: number }[]>`select count(*)::int as n from outbox where sent_at is null`;
      unsent += row?.n ?? 0;
      const letters = await on(name)<{ cause: string; type: string | null; key: string | null; detail: string }[]>`
        select cause, type, key, left(detail, 200) as detail from dead_letter`;
      deadLetters.push(
        ...letters.map(({ cause, type, key, detail }) => `${name}: ${cause} ${type ?? ""} ${key ?? ""} ${detail}`),
      );
    }

    const findings: string[] = [];
    const taken = new Map(reservations.filter(({ status }) => status === "TAKEN").map((row) => [row.order_id, row]));
    const ordered = new Map<string, number>();
    for (const { items } of taken.values()) {
      for (const { productId, quantity } of items) ordered.set(productId, (ordered.get(productId) ?? 0) + quantity);
    }
    for (const { id, name, stock, brought_in } of accounts) {
      const held = ordered.get(id) ?? 0;
      if (stock < 0) findings.push(`product ${name}: its stock is ${stock}`);
      if (brought_in - stock !== held) {
        findings.push(`product ${name} (${id}): ${brought_in} came in, ${stock} are left, but orders hold ${held}`);
      }
    }
    const deliveryOf = new Map(deliveries.map((row) => [row.order_id, row]));
    if (deliveryOf.size !== deliveries.length) findings.push("an order has more than one delivery");
    const sagaOf = new Map(sagas.map((row) => [row.order_id, row]));
    const createdOf = new Map(created.map(({ key, n }) => [key, n]));
    for (const order of orders)
      findings.push(
        ...judge(
          order,
          taken.get(order.id),
          deliveryOf.get(order.id),
          sagaOf.get(order.id),
          createdOf.get(order.id) ?? 0,
        ),
      );
    const known = new Set(orders.map(({ id }) => id));
    for (const id of new Set([...taken.keys(), ...deliveryOf.keys(), ...sagaOf.keys(), ...createdOf.keys()])) {
      if (!known.has(id)) findings.push(`order ${id} is known to another service, but not to its own`);
    }
    if (unsent > 0) findings.push(`${unsent} messages are still in an outbox`);

    const count = (status: OrderRow["status"]) => orders.filter((order) => order.status === status).length;
    return {
      products: accounts.map(({ id, name, stock, brought_in }) => ({
        id,
        name,
        broughtIn: brought_in,
        stock,
        ordered: ordered.get(id) ?? 0,
      })),
      orders: { PENDING: count("PENDING"), COMPLETE: count("COMPLETE"), CANCELLED: count("CANCELLED") },
      deadLetters,
      unsent,
      findings,
    };
  } finally {
    await Promise.all([...clients.values()].map((client) => client.end({ timeout: 2 })));
  }
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
  // More than once when the saga had to be told again.
  if (created === 0) wrong("its OrderCreated does not stand in the outbox");
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

function summary(items: OrderRow["items"]): string {
  return items
    .map(({ productId, quantity }) => `${quantity} of ${productId}`)
    .toSorted()
    .join(", ");
}
