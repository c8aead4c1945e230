import type { ServiceName } from "@shop/contracts/services";
import { messagesByType } from "@shop/contracts/messages/registry";
import { orderSaga } from "@shop/contracts/order-saga";
import { type Evidence, placeOf } from "./evidence.ts";
import type { Breach } from "./rules.ts";

const STEPS = [...orderSaga.forward, ...orderSaga.backward];

/** Which messages are the answers to which commands, by the saga's steps: each command is answered once, as it is handled once. */
export const ANSWERS: readonly {
  readonly answer: string;
  readonly by: string;
  readonly commands: readonly string[];
}[] = STEPS.flatMap(({ kind, service, command, answers: [answer] }) => {
  if (kind === "PIVOT") return [];
  // A delivery that was cancelled before it was created says so when it is to be created.
  const alsoAsked = answer === "DeliveryCancelled" ? ["CreateDeliveryCommand"] : [];
  return [{ answer, by: service, commands: [command, ...alsoAsked] }];
});

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

/** Who handles which message of the saga. */
const HANDLERS: ReadonlyMap<string, readonly ServiceName[]> = new Map(
  [orderSaga.begins, orderSaga.cancels, ...STEPS.flatMap(({ command, answers }) => [command, ...answers])].map(
    (type) => [type, messagesByType.get(type)?.receivers ?? []] as const,
  ),
);

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
