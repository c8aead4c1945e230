import { type ServiceName, type Topic, topics } from "@shop/contracts/services";
import { AnnounceProductsCommand, ProductChanged, ProductsAnnounced } from "@shop/contracts/messages/product";
import type { LedgerRow } from "../stage/ledger.ts";
import { readers } from "../stage/topics.ts";
import type { Evidence } from "./evidence.ts";
import { ANSWERS } from "./handling.ts";
import type { Breach } from "./rules.ts";

/**
 * What is written without a lock on its key, so that the order of commits need not be that of the ids: one question for all products, and one answer, is like another,
 * and of a product's states receivers keep the one with the highest version.
 */
const UNORDERED: ReadonlySet<string> = new Set([
  AnnounceProductsCommand.type,
  ProductChanged.type,
  ProductsAnnounced.type,
]);

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
export function publishedInOrder(evidence: Evidence): readonly Breach[] {
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

/** I5, the receiving half, over transactions: of two messages that were applied in different ones the earlier was applied first. */
export function appliedInOrder(evidence: Evidence): readonly Breach[] {
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

/** I5: of a product's states the order service keeps the newest, in whatever order they come. */
export function keptNewest({ ledgers }: Evidence): readonly Breach[] {
  return [...ledgers.values()].flat().flatMap(({ what, key, before, after }): readonly Breach[] => {
    if (what !== "catalogue") return [];
    return [
      { rule: "I5", text: `version ${before} of product ${key} was replaced by version ${after} in the catalogue` },
    ];
  });
}

/** What a command is answered with first; the order in which commands were applied shows in that of their answers. */
const firstAnswersTo = (command: string): readonly string[] =>
  ANSWERS.flatMap(({ answer, commands }) => (commands.includes(command) ? answer : []));
const FIRST_ANSWERS: ReadonlySet<string> = new Set(ANSWERS.map(({ answer }) => answer));

interface Applied {
  readonly topic: Topic;
  readonly type: string;
}

/**
 * I5, within a transaction: the messages of a key that share one were applied in their order. A participant shows it by the order of its answers,
 * a saga by that of its history, in which messages that changed nothing do not stand.
 *
 * What the order service only shows to customers is left out: it keeps the furthest milestone, in whatever order it hears of them.
 */
export function appliedInOrderWithin(evidence: Evidence): readonly Breach[] {
  const { ledgers, records, broughtForward } = evidence;
  const typeOf = new Map(records.flatMap(({ messageId, type }) => (messageId && type ? [[messageId, type]] : [])));
  const breaches: Breach[] = [];
  const copies = firstCopies(evidence);
  for (const [service, rows] of ledgers) {
    const inTransaction = Map.groupBy(rows, ({ txid }) => txid);
    const txidOf = new Map(rows.flatMap(({ what, key, txid }) => (what === "inbox" ? [[key, txid]] : [])));
    /** What each transaction applied of each key, topic by topic in the order of the topic. */
    const together = new Map<string, Applied[]>();
    for (const [of, ids] of copies) {
      const [topic = "", key = ""] = of.split(" ");
      if (!isTopic(topic) || !readers[topic].includes(service) || ids.some((id) => broughtForward.has(id))) continue;
      for (const id of ids) {
        const txid = txidOf.get(id);
        if (txid === undefined) continue;
        const name = `${txid} ${key}`;
        together.set(name, [...(together.get(name) ?? []), { topic, type: typeOf.get(id) ?? "" }]);
      }
    }
    for (const [name, applied] of together) {
      const [txid = "", key = ""] = name.split(" ");
      const ofKey = (inTransaction.get(txid) ?? []).filter((row) => row.key === key);
      const wrong = service === "orchestrator" ? disorderInHistory(applied, ofKey) : disorderInAnswers(applied, ofKey);
      if (wrong !== undefined) breaches.push({ rule: "I5", orderId: key, text: `${service} ${wrong}` });
    }
  }
  return breaches;
}

const typesOf = (rows: readonly LedgerRow[], what: LedgerRow["what"]) =>
  rows.flatMap((row) => (row.what === what && row.after !== null ? row.after : []));

function disorderInAnswers(applied: readonly Applied[], rows: readonly LedgerRow[]): string | undefined {
  const commands = applied.flatMap(({ type }) => (firstAnswersTo(type).length > 0 ? type : []));
  if (commands.length < 2) return undefined;
  const answers = typesOf(rows, "outbox").filter((type) => FIRST_ANSWERS.has(type));
  const isInOrder = commands.every((command, index) => firstAnswersTo(command).includes(answers[index] ?? ""));
  return isInOrder ? undefined : `answered ${commands.join(", ")} by ${answers.join(", ")}`;
}

function disorderInHistory(applied: readonly Applied[], rows: readonly LedgerRow[]): string | undefined {
  const history = typesOf(rows, "history");
  for (const [topic, messages] of Map.groupBy(applied, (message) => message.topic)) {
    const types = messages.map(({ type }) => type);
    const left = [...types];
    // One message may make several entries; an entry of the message before is still its own.
    let last: string | undefined;
    for (const type of history.filter((each) => types.includes(each))) {
      if (type === last) continue;
      const at = left.indexOf(type);
      if (at === -1) return `applied ${types.join(", ")} of ${topic} in another order: ${history.join(", ")}`;
      left.splice(0, at + 1);
      last = type;
    }
  }
  return undefined;
}

export function isTopic(name: string): name is Topic {
  return (topics as readonly string[]).includes(name);
}
