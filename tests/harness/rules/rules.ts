import type { ServiceName } from "@shop/contracts/services";
import { judgeAccounts } from "@shop/books/accounts";
import type { LedgerRow } from "../stage/ledger.ts";
import { readers } from "../stage/topics.ts";
import { type Evidence, placeOf } from "./evidence.ts";
import { endedForCause } from "./causes.ts";
import { allHandled, answeredOnce } from "./handling.ts";
import { appliedInOrder, appliedInOrderWithin, isTopic, keptNewest, publishedInOrder } from "./order.ts";
import {
  answeredAsDeclared,
  isPlaced,
  keptAsShown,
  keptOfProducts,
  keptToCustomers,
  keptToRiders,
  shownToOwners,
} from "./promises.ts";
import { writtenTogether } from "./transactions.ts";

/** What must always hold, by the names that the list of faults uses. */
export const RULES = {
  I1: "the books balance",
  I2: "every order that was answered with 201 ends, or visibly waits for a rider",
  I3: "at most one stock movement, one delivery, one compensation per order",
  I4: "only legal transitions, none after a terminal state",
  I5: "one order's messages are published and applied in order",
  I6: "a state row exactly where its outbox row",
  I7: "30 s after the heal nothing is unsent, nobody lags, dead letters hold only what was injected",
  I8: "a 2xx is never revoked",
} as const;
export type Rule = keyof typeof RULES;
export const ALL_RULES = Object.keys(RULES) as readonly Rule[];

export interface Breach {
  readonly rule: Rule;
  readonly orderId?: string;
  readonly text: string;
}

/** What breaks a rule. */
export function judge(evidence: Evidence, rules: readonly Rule[] = ALL_RULES): readonly Breach[] {
  const judges = [
    ...[
      books,
      movements,
      answeredOnce,
      transitions,
      pastThePoint,
      publishedInOrder,
      appliedInOrder,
      appliedInOrderWithin,
    ],
    keptNewest,
    ...[writtenTogether, drained, allHandled],
    ...[answeredAsDeclared, keptAsShown, keptOfProducts, keptToCustomers, keptToRiders],
    ...[shownToOwners, endedForCause],
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
  reservation: ["- TAKEN", "- REFUSED", "- RETURNED", "TAKEN RETURNED"],
  delivery: ["- PENDING", "- CANCELLED", "PENDING COMPLETE", "PENDING CANCELLED", "PENDING FAILED"],
  saga: [
    ...["- RUNNING", "- COMPENSATING", "- CANCELLED", "RUNNING COMPENSATING", "RUNNING COMPLETE", "RUNNING CANCELLED"],
    // A cancel that comes after the rider: the saga goes forward.
    ...["COMPENSATING CANCELLED", "COMPENSATING RUNNING", "COMPENSATING COMPLETE"],
  ],
};

/** I4: a saga that has heard that its delivery is complete only goes forward, and an order that has ended is not written any more. */
function pastThePoint({ ledgers }: Evidence): readonly Breach[] {
  const breaches: Breach[] = [];
  const delivered = new Set<string>();
  for (const { what, key, before, after } of ledgers.get("orchestrator") ?? []) {
    if (what === "history" && after === "DeliveryCompleted") delivered.add(key);
    if (what !== "saga" || before !== "RUNNING" || after !== "COMPENSATING" || !delivered.has(key)) continue;
    breaches.push({
      rule: "I4",
      orderId: key,
      text: "its saga went back after it had heard that the delivery is complete",
    });
  }
  const ended = new Map<string, string>();
  for (const { what, key, after, txid } of ledgers.get("order") ?? []) {
    if (what === "orders" && after !== "PENDING" && !ended.has(key)) ended.set(key, txid);
    if (what === "write" && (ended.get(key) ?? txid) !== txid)
      breaches.push({ rule: "I4", orderId: key, text: "was written after it had ended" });
  }
  return breaches;
}

/** I4. */
function transitions({ ledgers, journal }: Evidence): readonly Breach[] {
  const breaches: Breach[] = [];
  for (const rows of ledgers.values()) {
    const begun = new Map<string, string>();
    for (const { txid, what, key, before, after } of rows) {
      if (before === null) begun.set(`${what} ${key}`, txid);
      const step = `${before ?? "-"} ${after ?? "-"}`;
      // Stock is claimed before it is known whether there is enough: that is reverted where it was done, and never seen.
      const isUnclaimed = step === "TAKEN REFUSED" && begun.get(`${what} ${key}`) === txid;
      if (LEGAL[what] && !LEGAL[what].includes(step) && !isUnclaimed)
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

/** I7. What is unsent in the end is said by the books. */
function drained({ drainedAfterMs, drainWithinMs, deadLetters, injected }: Evidence): readonly Breach[] {
  const breaches: Breach[] = [];
  if (drainedAfterMs === undefined)
    breaches.push({ rule: "I7", text: "messages were still unsent or unread in the end" });
  else if (drainedAfterMs > drainWithinMs)
    breaches.push({ rule: "I7", text: `it took ${Math.round(drainedAfterMs / 1_000)} s until all was sent and read` });
  for (const deadLetter of deadLetters) {
    if (injected.has(placeOf(deadLetter))) continue;
    const { service, cause, key, detail } = deadLetter;
    breaches.push({
      rule: "I7",
      ...(key === null ? {} : { orderId: key }),
      text: `${service} has a dead letter, ${cause}: ${detail}`,
    });
  }
  // What is injected in a topic must be set aside by each of its readers.
  const deadLettered = new Set(deadLetters.map((deadLetter) => `${deadLetter.service} ${placeOf(deadLetter)}`));
  for (const place of injected) {
    const topic = place.slice(0, place.indexOf(":"));
    for (const service of isTopic(topic) ? readers[topic] : []) {
      if (!deadLettered.has(`${service} ${place}`))
        breaches.push({ rule: "I7", text: `${service} did not set aside what was injected at ${place}` });
    }
  }
  return breaches;
}
