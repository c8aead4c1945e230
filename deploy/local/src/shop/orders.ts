import type { Shop } from "@shop/client/shop";
import { type Command, everyItem, idOf, LIMIT, type Row, UsageError } from "./command.ts";

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

/** Orders: to find, to follow, to cancel. */
export const orderCommands: readonly Command[] = [
  {
    name: "orders",
    options: LIMIT,
    summary: "The newest orders.",
    example: "orders --limit 5",
    async *run(shop, { options }) {
      for await (const order of everyItem(options, (page) => shop.listOrders(page))) yield orderRow(order);
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
