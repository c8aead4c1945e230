import type { Shop } from "@shop/client/shop";

/** What a command was given: its words, and its options by their names. */
export interface Given {
  readonly words: readonly string[];
  readonly options: Readonly<Record<string, string | undefined>>;
}

/** A row of a table; with `--json` the whole of what it was made from. */
export interface Row {
  readonly shown: Readonly<Record<string, string>>;
  readonly whole: object;
}

export interface Command {
  readonly name: string;
  /** What comes behind the name. */
  readonly takes: string;
  readonly summary: string;
  readonly example: string;
  readonly run: (shop: Shop, given: Given) => AsyncIterable<Row>;
}

/** The command line was not understood; the message says what is missing. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

const MAX_ROWS = 1_000;

function idOf({ words }: Given, of: string): string {
  const [id] = words;
  if (id === undefined) throw new UsageError(`Which ${of}? Give its id.`);
  return id;
}

function oneOf<Word extends string>(
  option: string,
  value: string | undefined,
  known: readonly Word[],
): Word | undefined {
  if (value === undefined) return undefined;
  const found = known.find((word) => word === value.toUpperCase());
  if (found === undefined) throw new UsageError(`--${option} is one of ${known.join(", ")}, not ${value}.`);
  return found;
}

/** Every item of a list, page after page, up to the rows that were asked for. */
async function* everyItem<Item>(
  options: Given["options"],
  read: (page: { limit: number; cursor?: string }) => Promise<{ items: readonly Item[]; nextCursor: string | null }>,
): AsyncGenerator<Item> {
  const wanted = Number(options["limit"] ?? 20);
  if (!Number.isInteger(wanted) || wanted < 1 || wanted > MAX_ROWS) {
    throw new UsageError(`--limit is a whole number from 1 to ${MAX_ROWS}.`);
  }
  let left = wanted;
  for (let cursor: string | null | undefined; left > 0 && cursor !== null;) {
    const page = await read({ limit: Math.min(left, 100), ...(cursor === undefined ? {} : { cursor }) });
    yield* page.items;
    left -= page.items.length;
    cursor = page.nextCursor;
  }
}

type Order = Awaited<ReturnType<Shop["getOrder"]>>;
type Saga = Awaited<ReturnType<Shop["getSaga"]>>;

const orderRow = (order: Order): Row => ({
  shown: {
    ORDER: order.id,
    STATUS: order.status,
    PROGRESS: order.progress,
    TOTAL: `${order.total} ${order.currency}`,
    CREATED: order.createdAt,
    REASON: order.cancelReason ?? "",
  },
  whole: order,
});

const sagaRow = (saga: Saga): Row => ({
  shown: {
    SAGA: saga.id,
    ORDER: saga.orderId,
    STATUS: saga.status,
    STEP: saga.step,
    ATTEMPTS: String(saga.attempts),
    DEADLINE: saga.deadline ?? "",
  },
  whole: saga,
});

type ProcessHealth = Awaited<ReturnType<Shop["getHealth"]>>["services"][number];

function healthRow(process: ProcessHealth): Row {
  const { service, status } = process;
  const nothing = { SERVICE: service, STATUS: status, RELEASE: "", UNSENT: "", LAG: "", DEAD: "" };
  if (process.status === "DOWN") return { shown: { ...nothing, WHY: process.detail }, whole: process };
  const { messaging, findings, release, checks } = process;
  const found = findings.filter(({ count }) => count > 0).map(({ finding, count }) => `${count} ${finding}`);
  const failed = checks.filter(({ ok }) => !ok).map(({ name, detail }) => `${name}: ${detail}`);
  const shown = {
    ...nothing,
    RELEASE: release,
    UNSENT: String(messaging?.unsent ?? ""),
    LAG: String(messaging?.lag ?? ""),
    DEAD: String(messaging?.deadLetters ?? ""),
    WHY: [...failed, ...found].join("; "),
  };
  return { shown, whole: process };
}

const SAGA_STATUSES = ["RUNNING", "COMPENSATING", "STUCK", "COMPLETE", "CANCELLED"] as const;

async function* listSagas(shop: Shop, { options }: Given, status: (typeof SAGA_STATUSES)[number] | undefined) {
  const orderId = options["order"];
  const filters = { ...(status === undefined ? {} : { status }), ...(orderId === undefined ? {} : { orderId }) };
  for await (const saga of everyItem(options, (page) => shop.listSagas({ ...page, ...filters }))) yield sagaRow(saga);
}

/** What an operator can do, in the order in which the help tells it. */
export const commands: readonly Command[] = [
  {
    name: "health",
    takes: "",
    summary:
      "Every process: its release, unsent messages, lag, open dead letters, and what the audits of the books found.",
    example: "health",
    async *run(shop) {
      for (const process of (await shop.getHealth()).services) yield healthRow(process);
    },
  },
  {
    name: "orders",
    takes: "[--limit N]",
    summary: "The newest orders.",
    example: "orders --limit 5",
    async *run(shop, { options }) {
      for await (const order of everyItem(options, (page) => shop.listOrders(page))) yield orderRow(order);
    },
  },
  {
    name: "watch",
    takes: "ORDER [--after N]",
    summary: "Follows an order until it has ended; --after 0 tells all that has happened so far.",
    example: "watch 0193b3c8-0000-7000-8000-000000000001 --after 0",
    async *run(shop, given) {
      const after = given.options["after"];
      if (after !== undefined && !/^\d{1,9}$/.test(after)) throw new UsageError("--after is the id of an event, or 0.");
      const options = after === undefined ? {} : { lastEventId: Number(after) };
      for await (const event of shop.watchOrder(idOf(given, "order"), options)) {
        const { id, type, order, saga } = event;
        yield {
          shown: {
            ID: String(id),
            AT: order.updatedAt,
            EVENT: type,
            STATUS: order.status,
            SAGA: saga.status,
            STEP: saga.step ?? "",
          },
          whole: event,
        };
      }
    },
  },
  {
    name: "cancel",
    takes: "ORDER",
    summary: "Asks to cancel an order; a rider who was first wins.",
    example: "cancel 0193b3c8-0000-7000-8000-000000000001",
    async *run(shop, given) {
      yield orderRow(await shop.cancelOrder(idOf(given, "order")));
    },
  },
  {
    name: "sagas",
    takes: "[--status STATUS] [--order ORDER] [--limit N]",
    summary: `The newest sagas. STATUS is one of ${SAGA_STATUSES.join(", ")}.`,
    example: "sagas --status COMPENSATING",
    run: (shop, given) => listSagas(shop, given, oneOf("status", given.options["status"], SAGA_STATUSES)),
  },
  {
    name: "stuck",
    takes: "[--limit N]",
    summary: "Sagas past their deadline that cannot be given up: somebody must look at what they wait for.",
    example: "stuck",
    run: (shop, given) => listSagas(shop, given, "STUCK"),
  },
  {
    name: "saga",
    takes: "SAGA",
    summary: "What happened in a saga, message by message.",
    example: "saga 0193b3c8-0000-7000-8000-000000000002 --json",
    async *run(shop, given) {
      const saga = await shop.getSaga(idOf(given, "saga"));
      for (const entry of saga.history) {
        const { at, step, message, detail } = entry;
        yield { shown: { AT: at, STEP: step, MESSAGE: message ?? "(timer)", DETAIL: detail }, whole: entry };
      }
    },
  },
  {
    name: "retry",
    takes: "SAGA",
    summary: "Asks a saga's current step again at once; it is not stuck any more.",
    example: "retry 0193b3c8-0000-7000-8000-000000000002",
    async *run(shop, given) {
      yield sagaRow(await shop.retrySaga(idOf(given, "saga")));
    },
  },
  {
    name: "take-back",
    takes: "SAGA",
    summary: "Takes back what a saga has done and cancels its order, unless it has been delivered.",
    example: "take-back 0193b3c8-0000-7000-8000-000000000002",
    async *run(shop, given) {
      yield sagaRow(await shop.cancelSaga(idOf(given, "saga")));
    },
  },
];
