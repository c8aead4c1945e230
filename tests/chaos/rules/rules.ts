import { type ServiceName, type Topic, topics } from "@shop/contracts/messages/define";
import { AnnounceProductsCommand, ProductChanged } from "@shop/contracts/messages/product";
import { judgeAccounts } from "@shop/local/accounts";
import type { LedgerRow } from "../stage/ledger.ts";
import { readers } from "../stage/topics.ts";
import { type Evidence, placeOf } from "./evidence.ts";
import { allHandled, answeredOnce } from "./handling.ts";

/** What must always hold, by the names that the list of faults uses. */
export const RULES = {
  I1: "the books balance",
  I2: "every order that was answered with 201 ends, or visibly waits for a rider",
  I3: "at most one stock movement, one delivery, one compensation per order",
  I4: "only legal transitions, none after a terminal state",
  I5: "one order's messages are published and applied in order",
  I6: "a state row exactly where its outbox row",
  I7: "30 s after the heal nothing is unsent, nobody lags, dead letters hold only what was planted",
  I8: "a 2xx is never taken back",
} as const;
export type Rule = keyof typeof RULES;
export const ALL_RULES = Object.keys(RULES) as readonly Rule[];

export interface Breach {
  readonly rule: Rule;
  readonly orderId?: string;
  readonly text: string;
}

/**
 * What is written without a lock on its key, so that the order of commits need not be that of the ids: one question for all products is like another,
 * and of a product's states receivers keep the one with the highest version.
 */
const UNORDERED: ReadonlySet<string> = new Set([AnnounceProductsCommand.type, ProductChanged.type]);
const DRAINED_WITHIN_MS = 30_000;

/** What breaks a rule. */
export function judge(evidence: Evidence, rules: readonly Rule[] = ALL_RULES): readonly Breach[] {
  const judges = [
    ...[books, movements, answeredOnce, transitions, publishedInOrder, appliedInOrder],
    ...[together, drained, allHandled, kept, keptToRiders],
  ];
  return judges.flatMap((check) => check(evidence)).filter(({ rule }) => rules.includes(rule));
}

/** I1 and I2. */
function books({ accounts, journal }: Evidence): readonly Breach[] {
  const breaches = judgeAccounts(accounts).map(({ about, orderId, text }): Breach => ({
    rule: about === "stock" ? "I1" : about === "outbox" ? "I7" : "I2",
    ...(orderId === undefined ? {} : { orderId }),
    text,
  }));
  const known = new Set(accounts.orders.map(({ id }) => id));
  for (const orderId of new Set(journal.filter(isPlaced).map((entry) => entry.orderId ?? ""))) {
    if (!known.has(orderId)) breaches.push({ rule: "I2", orderId, text: "was answered with 201 and does not exist" });
  }
  return breaches;
}

/** I3: what the ledgers saw come and go. */
function movements({ ledgers, orderOfKey, accounts }: Evidence): readonly Breach[] {
  const breaches: Breach[] = [];
  const atMostOnce = (service: ServiceName, what: string, isOne: (row: LedgerRow) => boolean) => {
    const counts = new Map<string, number>();
    for (const row of ledgers.get(service) ?? []) if (isOne(row)) counts.set(row.key, (counts.get(row.key) ?? 0) + 1);
    for (const [orderId, count] of counts)
      if (count > 1) breaches.push({ rule: "I3", orderId, text: `${what} ${count} times` });
  };
  const at = (table: LedgerRow["what"], before: string | null, after: string) => (row: LedgerRow) =>
    row.what === table && row.before === before && row.after === after;
  atMostOnce("product", "its stock was taken", at("reservation", null, "TAKEN"));
  atMostOnce("product", "its stock was given back", at("reservation", "TAKEN", "RETURNED"));
  atMostOnce("delivery", "a delivery was stored for it", (row) => row.what === "delivery" && row.before === null);
  atMostOnce("orchestrator", "a saga was stored for it", (row) => row.what === "saga" && row.before === null);
  const keys = new Map<string, string>();
  for (const [key, orderId] of orderOfKey) {
    const other = keys.get(orderId);
    if (other !== undefined) breaches.push({ rule: "I3", orderId, text: `has the keys ${other} and ${key}` });
    keys.set(orderId, key);
  }
  // Every order of the load has a key, so an order without one was stored beside it.
  for (const { id } of accounts.orders)
    if (!keys.has(id)) breaches.push({ rule: "I3", orderId: id, text: "was stored without its idempotency key" });
  return breaches;
}

const LEGAL: Readonly<Partial<Record<LedgerRow["what"], readonly string[]>>> = {
  orders: ["- PENDING", "PENDING COMPLETE", "PENDING CANCELLED"],
  reservation: ["- TAKEN", "- REFUSED", "- RETURNED", "TAKEN REFUSED", "TAKEN RETURNED"],
  delivery: ["- PENDING", "- CANCELLED", "PENDING COMPLETE", "PENDING CANCELLED", "PENDING FAILED"],
  saga: [
    ...["- RUNNING", "- COMPENSATING", "- CANCELLED", "RUNNING COMPENSATING", "RUNNING COMPLETE", "RUNNING CANCELLED"],
    // A cancel that comes after the rider: the saga goes on forward.
    ...["COMPENSATING CANCELLED", "COMPENSATING RUNNING", "COMPENSATING COMPLETE"],
  ],
};

/** I4. */
function transitions({ ledgers, journal }: Evidence): readonly Breach[] {
  const breaches: Breach[] = [];
  for (const rows of ledgers.values()) {
    for (const { what, key, before, after } of rows) {
      const step = `${before ?? "-"} ${after ?? "-"}`;
      if (LEGAL[what] && !LEGAL[what].includes(step))
        breaches.push({ rule: "I4", orderId: key, text: `${what}: ${step.replace(" ", " → ")}` });
    }
  }
  const seen = new Map<string, string>();
  for (const { call, method, status, orderId, said, at } of journal.toSorted((a, b) => a.at + a.ms - (b.at + b.ms))) {
    if (call !== "/api/orders/{id}" || method !== "GET" || status !== 200 || !orderId || !said) continue;
    const before = seen.get(orderId);
    if (before !== undefined && before !== "PENDING" && said !== before)
      breaches.push({ rule: "I4", orderId, text: `was shown as ${before}, and as ${said} later (asked at ${at})` });
    seen.set(orderId, said);
  }
  return breaches;
}

/** The first copy of each message, by topic and key, in the order of the topic. */
function firstCopies({ records }: Evidence): ReadonlyMap<string, readonly string[]> {
  const seen = new Set<string>();
  const byKey = new Map<string, string[]>();
  const inOrder = records.toSorted((a, b) => a.partition - b.partition || Number(a.offset) - Number(b.offset));
  for (const { topic, key, messageId } of inOrder) {
    if (messageId === null || key === null || seen.has(`${topic} ${messageId}`)) continue;
    seen.add(`${topic} ${messageId}`);
    const of = `${topic} ${key}`;
    byKey.set(of, [...(byKey.get(of) ?? []), messageId]);
  }
  return byKey;
}

/** I5, the sending half: the first copies in a topic are in the order of the outbox. And nothing that is marked as sent is missing there. */
function publishedInOrder(evidence: Evidence): readonly Breach[] {
  const { outbox, broughtForward } = evidence;
  const breaches: Breach[] = [];
  const rowOf = new Map(outbox.map((row) => [row.messageId, row]));
  const copies = firstCopies(evidence);
  for (const [of, ids] of copies) {
    const rows = ids.flatMap((id) => (broughtForward.has(id) ? [] : (rowOf.get(id) ?? [])));
    for (const [index, row] of rows.entries()) {
      const next = rows[index + 1];
      if (next !== undefined && next.id < row.id && !UNORDERED.has(next.type)) {
        const [topic = "", key = ""] = of.split(" ");
        breaches.push({ rule: "I5", orderId: key, text: `${next.type} was published in ${topic} behind ${row.type}` });
      }
    }
  }
  const published = new Set([...copies.values()].flat());
  for (const { messageId, sent, key, type, service } of outbox) {
    if (sent && !published.has(messageId))
      breaches.push({ rule: "I7", orderId: key, text: `${type} of ${service} is marked as sent and not in Kafka` });
  }
  return breaches;
}

/** I5, the receiving half: of two messages that were applied in different transactions the earlier one was applied first. */
function appliedInOrder(evidence: Evidence): readonly Breach[] {
  const { ledgers, broughtForward } = evidence;
  const breaches: Breach[] = [];
  const applied = new Map<ServiceName, ReadonlyMap<string, LedgerRow>>();
  for (const [service, rows] of ledgers)
    applied.set(service, new Map(rows.filter(({ what }) => what === "inbox").map((row) => [row.key, row])));
  for (const [of, ids] of firstCopies(evidence)) {
    const [topic = "", key = ""] = of.split(" ");
    if (!isTopic(topic)) continue;
    for (const service of readers[topic]) {
      const rows = ids.flatMap((id) => (broughtForward.has(id) ? [] : (applied.get(service)?.get(id) ?? [])));
      for (const [index, row] of rows.entries()) {
        const next = rows[index + 1];
        if (next !== undefined && next.txid !== row.txid && next.seq < row.seq)
          breaches.push({ rule: "I5", orderId: key, text: `${service} applied ${next.key} before ${row.key}` });
      }
    }
  }
  return breaches;
}

function isTopic(name: string): name is Topic {
  return (topics as readonly string[]).includes(name);
}

/** Which message tells of which change. */
const TOLD: readonly (readonly [what: LedgerRow["what"], after: string, type: string])[] = [
  ["orders", "PENDING", "OrderCreated"],
  ["orders", "COMPLETE", "OrderCompleted"],
  ["orders", "CANCELLED", "OrderCancelled"],
  ["reservation", "REFUSED", "ProductDecreased"],
  ["reservation", "TAKEN", "ProductDecreased"],
  ["reservation", "RETURNED", "ProductIncreased"],
  ["delivery", "PENDING", "DeliveryCreated"],
  ["delivery", "COMPLETE", "DeliveryCompleted"],
  ["delivery", "FAILED", "DeliveryFailed"],
  ["delivery", "CANCELLED", "DeliveryCancelled"],
];
/** Told again whenever somebody asks, but never before it is so. */
const TOLD_AGAIN = new Set(["OrderCreated", "OrderCompleted", "DeliveryCompleted", "DeliveryFailed"]);

/** I6: a change and the message that tells of it were written by the same transaction. */
function together({ ledgers }: Evidence): readonly Breach[] {
  const breaches: Breach[] = [];
  for (const [service, rows] of ledgers) {
    const told = new Set(
      rows.flatMap(({ what, txid, key, after }) => (what === "outbox" ? `${txid} ${key} ${after}` : [])),
    );
    /** When each thing to be told came about, by order and message, and in which transaction. */
    const cameAbout = new Map<string, LedgerRow>();
    for (const row of rows) {
      const { what, txid, key, after } = row;
      for (const [table, status, type] of TOLD) {
        if (table !== what || status !== after) continue;
        cameAbout.set(`${key} ${type}`, row);
        if (!told.has(`${txid} ${key} ${type}`))
          breaches.push({ rule: "I6", orderId: key, text: `${service} has it as ${status}, without ${type}` });
      }
    }
    for (const { what, seq, key, after } of rows) {
      if (what !== "outbox" || after === null) continue;
      const change = cameAbout.get(`${key} ${after}`);
      if (TOLD_AGAIN.has(after) && (change === undefined || change.seq > seq))
        breaches.push({ rule: "I6", orderId: key, text: `${service} tells of ${after}, without the change` });
    }
  }
  return breaches;
}

/** I7. What is unsent in the end is said by the books. */
function drained({ drainedAfterMs, deadLetters, planted }: Evidence): readonly Breach[] {
  const breaches: Breach[] = [];
  if (drainedAfterMs === undefined)
    breaches.push({ rule: "I7", text: "messages were still unsent or unread in the end" });
  else if (drainedAfterMs > DRAINED_WITHIN_MS)
    breaches.push({ rule: "I7", text: `it took ${Math.round(drainedAfterMs / 1_000)} s until all was sent and read` });
  for (const letter of deadLetters) {
    if (planted.has(placeOf(letter))) continue;
    const { service, cause, key, detail } = letter;
    breaches.push({
      rule: "I7",
      ...(key === null ? {} : { orderId: key }),
      text: `${service} has a dead letter, ${cause}: ${detail}`,
    });
  }
  // What is planted in a topic must be set aside by each of its readers.
  const buried = new Set(deadLetters.map((letter) => `${letter.service} ${placeOf(letter)}`));
  for (const place of planted) {
    const topic = place.slice(0, place.indexOf(":"));
    for (const service of isTopic(topic) ? readers[topic] : []) {
      if (!buried.has(`${service} ${place}`))
        breaches.push({ rule: "I7", text: `${service} did not set aside what was planted at ${place}` });
    }
  }
  return breaches;
}

/** I8: a delivery that was given to a rider is that rider's until it is given back, and whoever ended it is who did. */
function keptToRiders({ accounts, journal }: Evidence): readonly Breach[] {
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
    for (const { call, riderId } of entries) {
      if (riderId === undefined || call.endsWith("/claim") || riderId === riderOf.get(orderId)) continue;
      const text = `its delivery was ended by ${riderId}, and is the one of ${riderOf.get(orderId)}`;
      breaches.push({ rule: "I8", orderId, text });
    }
  }
  return breaches;
}

/** I8: what clients were told against what became of it. */
function kept({ accounts, journal, orderOfKey }: Evidence): readonly Breach[] {
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
    const ok = status >= 200 && status < 300;
    if (!ok) continue;
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

function isPlaced({
  method,
  call,
  status,
}: {
  readonly method: string;
  readonly call: string;
  readonly status: number;
}) {
  return method === "POST" && call === "/api/orders" && status === 201;
}
