import { type Command, everyItem, MAX_ROWS, type Row } from "./command.ts";
import { userNamed } from "./users.ts";

const ALL = { limit: String(MAX_ROWS) };

const row = (kind: string, id: string, at: string, whole: object): Row => ({
  shown: { WHAT: kind, ID: id, SINCE: at },
  whole: { kind, ...whole },
});

/** What is stored about people: docs/personal-data.md says where. */
export const personalDataCommands: readonly Command[] = [
  {
    name: "customer-data",
    words: ["<name>"],
    summary: "All that is stored about one customer: account, orders, deliveries, and the audit trails.",
    example: "customer-data customer --json",
    async *run(shop, given) {
      const user = await userNamed(shop, given);
      yield row("account", user.id, user.createdAt, user);
      for await (const order of everyItem(ALL, (page) => shop.listOrders({ ...page, customerId: user.id })))
        yield row("order", order.id, order.createdAt, order);
      for await (const delivery of everyItem(ALL, (page) => shop.listDeliveries({ ...page, customerId: user.id })))
        yield row("delivery", delivery.id, delivery.createdAt, delivery);
      const told = new Set<string>();
      for (const about of [{ actorId: user.id }, { subjectId: user.id }])
        for await (const entry of everyItem(ALL, (page) => shop.listAuditEntries({ ...page, ...about }))) {
          if (told.has(entry.id)) continue;
          told.add(entry.id);
          yield row("audit", entry.id, entry.at, entry);
        }
    },
  },
];
