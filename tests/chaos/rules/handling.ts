import type { ServiceName } from "@shop/contracts/messages/define";
import { type Evidence, placeOf } from "./evidence.ts";
import type { Breach } from "./rules.ts";

/** Which messages are the answers to which commands: each command is answered once, as it is handled once. */
export const ANSWERS: readonly {
  readonly answer: string;
  readonly by: ServiceName;
  readonly commands: readonly string[];
}[] = [
  { answer: "ProductDecreased", by: "product", commands: ["DecreaseProductCommand"] },
  { answer: "ProductIncreased", by: "product", commands: ["IncreaseProductCommand"] },
  { answer: "DeliveryCreated", by: "delivery", commands: ["CreateDeliveryCommand"] },
  // A delivery that was cancelled before it was created says so when it is to be created.
  { answer: "DeliveryCancelled", by: "delivery", commands: ["CancelDeliveryCommand", "CreateDeliveryCommand"] },
  { answer: "OrderCompleted", by: "order", commands: ["CompleteOrderCommand"] },
  { answer: "OrderCancelled", by: "order", commands: ["CancelOrderCommand"] },
];

/** I3: a command that is delivered again is not handled again, or it would be answered again. */
export function answeredOnce({ ledgers }: Evidence): readonly Breach[] {
  const counts = new Map<string, number>();
  for (const [service, rows] of ledgers) {
    for (const { what, key, after } of rows) {
      if (what !== "outbox") continue;
      const of = `${service} ${after} ${key}`;
      counts.set(of, (counts.get(of) ?? 0) + 1);
    }
  }
  const breaches: Breach[] = [];
  for (const [of, count] of counts) {
    const [service, type, orderId = ""] = of.split(" ");
    const asked = ANSWERS.find(({ answer, by }) => answer === type && by === service);
    if (asked === undefined) continue;
    const commands = asked.commands.reduce(
      (sum, name) => sum + (counts.get(`orchestrator ${name} ${orderId}`) ?? 0),
      0,
    );
    if (count > commands)
      breaches.push({
        rule: "I3",
        orderId,
        text: `${service} answered ${count} times with ${type} to ${commands} commands`,
      });
  }
  return breaches;
}

const news: readonly ServiceName[] = ["orchestrator", "order"];
/** Who handles which message. */
const HANDLERS: ReadonlyMap<string, readonly ServiceName[]> = new Map([
  ...["OrderCreated", "OrderCancelRequested", "OrderCompleted", "OrderCancelled"].map(
    (type) => [type, ["orchestrator"]] as const,
  ),
  ...[
    ...["ProductDecreased", "ProductIncreased"],
    ...["DeliveryCreated", "DeliveryCompleted", "DeliveryFailed", "DeliveryCancelled"],
  ].map((type) => [type, news] as const),
  ...["DecreaseProductCommand", "IncreaseProductCommand"].map((type) => [type, ["product"]] as const),
  ...["CreateDeliveryCommand", "CancelDeliveryCommand"].map((type) => [type, ["delivery"]] as const),
  ...["CompleteOrderCommand", "CancelOrderCommand"].map((type) => [type, ["order"]] as const),
]);

/** I7: what was published since the ledger is kept has been handled by each of its readers, or is one of their dead letters. */
export function allHandled({ ledgers, records, deadLetters, injected, tooLate }: Evidence): readonly Breach[] {
  const handled = new Set<string>();
  const seenToBeSent = new Set<string>();
  for (const [service, rows] of ledgers)
    for (const { what, key, after } of rows) {
      if (what === "inbox") handled.add(`${service} ${key}`);
      if (what === "outbox") seenToBeSent.add(`${after} ${key}`);
    }
  const deadLettered = new Set(deadLetters.map((deadLetter) => `${deadLetter.service} ${placeOf(deadLetter)}`));
  const breaches = new Map<string, Breach>();
  for (const record of records) {
    // What the harness injected lies in any topic, whatever it pretends to be; whether its readers set it aside is judged apart.
    if (injected.has(placeOf(record)) || tooLate?.has(placeOf(record))) continue;
    const { messageId, type, key } = record;
    // What was sent and handled before the ledger was begun stands in the topics, but not in the ledger.
    if (!seenToBeSent.has(`${type} ${key}`)) continue;
    for (const service of HANDLERS.get(type ?? "") ?? []) {
      const of = `${service} ${messageId}`;
      if (handled.has(of) || deadLettered.has(`${service} ${placeOf(record)}`)) continue;
      breaches.set(of, {
        rule: "I7",
        ...(key === null ? {} : { orderId: key }),
        text: `${type} was published, and ${service} has not handled it`,
      });
    }
  }
  return [...breaches.values()];
}
