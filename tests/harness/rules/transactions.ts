import type { ServiceName } from "@shop/contracts/services";
import { orderSaga } from "@shop/contracts/order-saga";
import type { LedgerRow } from "../stage/ledger.ts";
import type { Evidence } from "./evidence.ts";
import type { Breach } from "./rules.ts";

/** Which message tells of which change of a row's status. */
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

/** The command that a saga sends when it comes to a step; it waits for the rider without one. */
const COMMAND_OF_STEP: ReadonlyMap<string, string> = new Map(
  [...orderSaga.forward, ...orderSaga.backward].flatMap(({ name, kind, command }) =>
    kind === "PIVOT" ? [] : [[name, command] as const],
  ),
);
const ENDED = new Set(["COMPLETE", "CANCELLED"]);

/** How the row stands of which a message tells: its status may be any of these. */
const TRUE_WHILE: Readonly<Record<string, readonly string[]>> = {
  ProductDecreased: ["TAKEN", "REFUSED", "RETURNED"],
  ProductIncreased: ["RETURNED", "REFUSED"],
  DeliveryCreated: ["PENDING", "COMPLETE", "FAILED"],
  DeliveryCompleted: ["COMPLETE"],
  DeliveryFailed: ["FAILED"],
  // Also the answer that the rider was first.
  DeliveryCancelled: ["CANCELLED", "COMPLETE", "FAILED"],
  OrderCompleted: ["COMPLETE"],
  OrderCancelled: ["CANCELLED"],
};

/** Sent of their own accord, so with a write of the row; anything else may also be the repeated answer to a command. */
const WITH_WRITE: ReadonlySet<string> = new Set([
  ...["OrderCreated", "OrderCancelRequested"],
  ...COMMAND_OF_STEP.values(),
]);
/** Answers, which are given again to a command that comes again. */
const ANSWERS: ReadonlySet<string> = new Set([...TOLD.map(([, , type]) => type), "ProductChanged"]);

const STATES: ReadonlySet<LedgerRow["what"]> = new Set(["orders", "reservation", "delivery", "saga"]);

/**
 * I6, both ways, by the ids of transactions: each change has its message in its own transaction, and each message was written in a transaction
 * that wrote the row of which it tells, or that handled a command about it; and what it tells was so.
 */
export function writtenTogether(evidence: Evidence): readonly Breach[] {
  const orderOf = new Map(
    evidence.records.flatMap(({ messageId, key }) => (messageId && key ? [[messageId, key]] : [])),
  );
  return [...evidence.ledgers].flatMap(([service, rows]) => [
    ...changesWithoutMessage(service, rows),
    ...messagesWithoutChange(service, rows, orderOf),
  ]);
}

function changesWithoutMessage(service: ServiceName, rows: readonly LedgerRow[]): readonly Breach[] {
  const sent = new Set(
    rows.flatMap(({ what, txid, key, after }) => (what === "outbox" ? `${txid} ${key} ${after}` : [])),
  );
  return rows.flatMap((row) =>
    messagesOf(row).flatMap((type): readonly Breach[] => {
      if (sent.has(`${row.txid} ${row.key} ${type}`)) return [];
      return [{ rule: "I6", orderId: row.key, text: `${service} has it as ${row.after}, without ${type}` }];
    }),
  );
}

/** The messages that must be written together with what a row of the ledger saw. */
function messagesOf({ what, before, after }: LedgerRow): readonly string[] {
  if (what !== "write")
    return TOLD.flatMap(([table, status, type]) => (table === what && status === after ? type : []));
  if (after === null || before === after) return [];
  if (after === "CANCEL_REQUESTED") return ["OrderCancelRequested"];
  const [step = "", status] = after.split(" ");
  // A product's version is one word.
  if (status === undefined) return ["ProductChanged"];
  const command = COMMAND_OF_STEP.get(step);
  return command === undefined || ENDED.has(status) ? [] : [command];
}

function messagesWithoutChange(
  service: ServiceName,
  rows: readonly LedgerRow[],
  orderOf: ReadonlyMap<string, string>,
): readonly Breach[] {
  const written = new Set<string>();
  const handled = new Set<string>();
  for (const { what, txid, key } of rows) {
    if (what === "write") written.add(`${txid} ${key}`);
    // Of a message that is in no topic any more nobody knows the order.
    if (what === "inbox") handled.add(`${txid} ${orderOf.get(key) ?? "any"}`);
  }
  const breaches: Breach[] = [];
  const statesOf = new Map<string, LedgerRow[]>();
  for (const row of rows) {
    const { what, txid, key, after } = row;
    if (STATES.has(what)) statesOf.set(key, [...(statesOf.get(key) ?? []), row]);
    if (what !== "outbox" || after === null) continue;
    const broken = (text: string) =>
      breaches.push({ rule: "I6", orderId: key, text: `${service} sent ${after} ${text}` });
    const isWritten = written.has(`${txid} ${key}`);
    const isAnswer = ANSWERS.has(after) && (handled.has(`${txid} ${key}`) || handled.has(`${txid} any`));
    if (WITH_WRITE.has(after) && !isWritten) broken("in a transaction that did not write what it is about");
    else if (ANSWERS.has(after) && !isWritten && !isAnswer && !isAnnounced(after, txid, handled))
      broken("in a transaction that neither changed what it tells of nor handled a command");
    const statuses = statusesDuring(txid, statesOf.get(key) ?? []);
    // What stood there before the ledger was begun is not known.
    if (statuses.length === 0) continue;
    if (TRUE_WHILE[after] && !TRUE_WHILE[after].some((status) => statuses.includes(status)))
      broken(`while it was ${statuses.join(", ")}`);
  }
  return breaches;
}

/** The statuses that a row had while a transaction ran: its messages are written last, whatever several of them tell of. */
function statusesDuring(txid: string, states: readonly LedgerRow[]): readonly string[] {
  const before = states.findLast((row) => row.txid !== txid);
  return [before, ...states.filter((row) => row.txid === txid)].flatMap((row) => row?.after ?? []);
}

/** Whether a product was told of because all were asked for, by a message with a key of its own. */
function isAnnounced(type: string, txid: string, handled: ReadonlySet<string>): boolean {
  return type === "ProductChanged" && handled.values().some((of) => of.startsWith(`${txid} `));
}
