import type { Shop } from "@shop/client/shop";
import { type Command, everyItem, idOf, LIMIT, oneOf, type Row, UsageError } from "./command.ts";
import { renamed, TIMES, timesOf } from "./filters.ts";
import { SAGA_REASONS } from "./sagas.ts";

type Order = Awaited<ReturnType<Shop["getOrder"]>>;

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

const ORDER_STATUSES = ["PENDING", "COMPLETE", "CANCELLED"] as const;
const DELIVERY_STATUSES = ["PENDING", "COMPLETE", "CANCELLED", "FAILED"] as const;

/** Orders: to find, to follow, to cancel. */
export const orderCommands: readonly Command[] = [
  {
    name: "orders",
    options: {
      "--status <status>": `one of ${ORDER_STATUSES.join(", ")}`,
      "--reason <reason>": `why it was cancelled: one of ${SAGA_REASONS.join(", ")}`,
      "--customer <customer>": "of this customer",
      "--product <product>": "with this product",
      "--find <words>": "words of the address or the goods, each of which may be its beginning, or the order's number",
      ...TIMES,
      ...LIMIT,
    },
    summary: "Orders, the newest first.",
    example: "orders --status CANCELLED --from 12h --limit 5",
    async *run(shop, call) {
      const { options } = call;
      const status = oneOf("status", options["status"], ORDER_STATUSES);
      const reason = oneOf("reason", options["reason"], SAGA_REASONS);
      const filters = {
        ...(status === undefined ? {} : { status }),
        ...(reason === undefined ? {} : { reason }),
        ...renamed(options, { customer: "customerId", product: "productId", find: "q" }),
        ...timesOf(call),
      };
      for await (const order of everyItem(options, (page) => shop.listOrders({ ...page, ...filters })))
        yield orderRow(order);
    },
  },
  {
    name: "deliveries",
    options: {
      "--status <status>": `one of ${DELIVERY_STATUSES.join(", ")}`,
      "--customer <customer>": "of this customer's orders",
      "--order <order>": "the delivery of this order",
      "--rider <rider>": "whose rider this is, or was in the end",
      "--fail-reason <text>": "part of the reason that its rider gave",
      ...TIMES,
      ...LIMIT,
    },
    summary: "Deliveries, the newest first.",
    example: "deliveries --status FAILED --from 3d",
    async *run(shop, call) {
      const { options } = call;
      const status = oneOf("status", options["status"], DELIVERY_STATUSES);
      const filters = {
        ...(status === undefined ? {} : { status }),
        ...renamed(options, {
          ...{ customer: "customerId", order: "orderId" },
          ...{ rider: "riderId", "fail-reason": "failReason" },
        } as const),
        ...timesOf(call),
      };
      for await (const one of everyItem(options, (page) => shop.listDeliveries({ ...page, ...filters }))) {
        const { id, orderId, status: found, riderId, createdAt } = one;
        yield {
          shown: { DELIVERY: id, ORDER: orderId, STATUS: found, RIDER: riderId ?? "", CREATED: createdAt },
          whole: one,
        };
      }
    },
  },
  {
    name: "watch",
    words: ["<order>"],
    options: { "--after <n>": "tells what came after this event; 0: all that has happened so far" },
    summary: "Follows an order until it has ended.",
    streams: true,
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
    words: ["<order>"],
    summary: "Asks to cancel an order; a rider who was first wins.",
    example: "cancel 0193b3c8-0000-7000-8000-000000000001",
    async *run(shop, given) {
      yield orderRow(await shop.cancelOrder(idOf(given, "order")));
    },
  },
];
