import type { BulkOutcome } from "@shop/database/bulk-operations";
import type { BulkTarget } from "@shop/service/bulk";
import type { ServiceContext } from "@shop/service/context";
import {
  countMeant,
  lockForRelease,
  lockFreeDeliveries,
  nextMeant,
  readDeliveries,
  releaseClaims,
  deliveryStateOf,
} from "../db/deliveries.ts";
import { release } from "../domain/delivery-lifecycle.ts";

/** Releasing the claims of many deliveries, by an admin. */
export function bulkReleases({ clock }: ServiceContext): BulkTarget {
  return {
    actions: ["RELEASE"],
    count: countMeant,
    next: nextMeant,
    async describe(db, ids) {
      const rows = await readDeliveries(db, ids);
      const found = new Map(rows.map((row) => [row.id, row]));
      return ids.flatMap((id) => {
        const row = found.get(id);
        return row === undefined
          ? []
          : { id, what: `order ${row.orderId}, ${row.status}, rider ${row.riderId ?? "none"}` };
      });
    },
    async apply(tx, ids, { skipLocked }) {
      // Messages lock the deliveries of their orders.
      const orderOf = new Map((await readDeliveries(tx, ids)).map(({ id, orderId }) => [id, orderId]));
      const locked = skipLocked ? await lockFreeDeliveries(tx, [...orderOf.values()]) : new Set<string>();
      const free = ids.filter((id) => !locked.has(orderOf.get(id) ?? ""));
      const rows = new Map((await lockForRelease(tx, free)).map((row) => [row.id, row]));
      const released: string[] = [];
      const outcomes = ids.map((id): BulkOutcome => {
        if (!orderOf.has(id)) return { id, code: "NOT_FOUND" };
        const row = rows.get(id);
        if (row === undefined) return { id, code: "LOCKED", detail: "another transaction has locked it" };
        const decision = release(deliveryStateOf(row), "anyones");
        if (decision.kind === "refused") return { id, code: decision.code, detail: `It is ${row.status}.` };
        if (decision.kind === "changed") released.push(id);
        return { id, code: "DONE", before: { orderId: row.orderId, riderId: row.riderId } };
      });
      if (released.length > 0) await releaseClaims(tx, released, new Date(clock.now()));
      return outcomes;
    },
  };
}
