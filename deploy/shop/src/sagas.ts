import type { Shop } from "@shop/client/shop";
import { orderSaga } from "@shop/contracts/order-saga";
import { renamed, TIMES, timesOf } from "./filters.ts";
import { type Command, everyItem, type Given, idOf, LIMIT, oneOf, type Row } from "./command.ts";

type Saga = Awaited<ReturnType<Shop["getSaga"]>>;
type HistoryEntry = Awaited<ReturnType<Shop["listSagaHistory"]>>["items"][number];

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
  isBad: saga.status === "STUCK",
});

export const SAGA_STATUSES = ["RUNNING", "COMPENSATING", "STUCK", "COMPLETE", "CANCELLED"] as const;

export const SAGA_REASONS = [
  ...(["OUT_OF_STOCK", "PRODUCT_NOT_FOUND", "CANCELLED_BY_CUSTOMER"] as const),
  ...(["CANCELLED_BY_ADMIN", "DELIVERY_FAILED", "TIMED_OUT"] as const),
] as const;

async function* listSagas(shop: Shop, call: Given, status: (typeof SAGA_STATUSES)[number] | undefined) {
  const { options } = call;
  const step = oneOf("step", options["step"], orderSaga.steps);
  const reason = oneOf("reason", options["reason"], SAGA_REASONS);
  const filters = {
    ...(status === undefined ? {} : { status }),
    ...(step === undefined ? {} : { step }),
    ...(reason === undefined ? {} : { reason }),
    ...renamed(options, { order: "orderId", customer: "customerId", product: "productId" }),
    ...timesOf(call),
  };
  for await (const saga of everyItem(options, (page) => shop.listSagas({ ...page, ...filters }))) yield sagaRow(saga);
}

/** Sagas: what they did, and what to do about one that does not go on. */
export const sagaCommands: readonly Command[] = [
  {
    name: "sagas",
    options: {
      "--status <status>": `one of ${SAGA_STATUSES.join(", ")}`,
      "--step <step>": `one of ${orderSaga.steps.join(", ")}`,
      "--reason <reason>": `why it compensates, or was cancelled: one of ${SAGA_REASONS.join(", ")}`,
      "--order <order>": "the saga of this order",
      "--customer <customer>": "of this customer's orders",
      "--product <product>": "of orders with this product",
      ...TIMES,
      ...LIMIT,
    },
    summary: "Sagas, the newest first.",
    example: "sagas --status COMPENSATING",
    run: (shop, given) => listSagas(shop, given, oneOf("status", given.options["status"], SAGA_STATUSES)),
  },
  {
    name: "stuck",
    options: { ...TIMES, ...LIMIT },
    summary: "Sagas past their deadline that cannot be given up: somebody must look at what they wait for.",
    example: "stuck",
    run: (shop, given) => listSagas(shop, given, "STUCK"),
  },
  {
    name: "saga",
    words: ["<saga>"],
    summary: "What happened in a saga, message by message.",
    example: "saga 0193b3c8-0000-7000-8000-000000000002 --json",
    async *run(shop, given) {
      const id = idOf(given, "saga");
      let entries: readonly HistoryEntry[] = [];
      let cursor: string | undefined;
      do {
        const page = await shop.listSagaHistory(id, { limit: "100", ...(cursor !== undefined && { cursor }) });
        entries = [...page.items.toReversed(), ...entries];
        cursor = page.nextCursor ?? undefined;
      } while (cursor !== undefined);
      for (const entry of entries) {
        const { at, step, message, detail } = entry;
        yield { shown: { AT: at, STEP: step, MESSAGE: message ?? "(timer)", DETAIL: detail }, whole: entry };
      }
    },
  },
  {
    name: "retry",
    words: ["<saga>"],
    summary: "Asks a saga's current step again at once; it is not stuck any more.",
    example: "retry 0193b3c8-0000-7000-8000-000000000002",
    async *run(shop, given) {
      yield sagaRow(await shop.retrySaga(idOf(given, "saga")));
    },
  },
  {
    name: "cancel-saga",
    words: ["<saga>"],
    summary: "Compensates a saga and cancels its order, unless it has been delivered.",
    example: "cancel-saga 0193b3c8-0000-7000-8000-000000000002",
    async *run(shop, given) {
      yield sagaRow(await shop.cancelSaga(idOf(given, "saga")));
    },
  },
];
