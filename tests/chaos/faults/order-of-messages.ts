import type { Topic } from "@shop/contracts/services";
import { EVERYTHING, type Fault, type Turn } from "../fault.ts";
import { type HeldMessage, holdOutbox, type OutboxHold } from "../../harness/stage/outbox-hold.ts";
import { participants } from "@shop/contracts/services";
import type { Stage } from "../../harness/stage/stage.ts";
import type { WholeRecord } from "../../harness/stage/topics.ts";
import { HARNESS_HEADER, listening, withProducer } from "./messages.ts";

/** The part of all messages that comes late, and how late at most, in milliseconds: other messages of the order overtake it meanwhile. */
const LATE_PART = 0.15;
const LATE_BY_MS = 5_000;
const LOOK_EVERY_MS = 50;
/** One in so many answers comes once more, about an order that nobody has placed. */
const STRANGER_IN = 10;
/** What these tell of is somebody's answer, so that a saga must know of it; whatever is in `order.events` begins one. */
const answers: readonly Topic[] = ["product.events", "delivery.events"];

type Publish = (topic: string, key: string, value: string) => Promise<void>;

/** Publishes what is held, each message after a time of its own, until the turn is over and all are through. */
async function deliverLate(holds: readonly OutboxHold[], turn: Turn, publish: Publish): Promise<number> {
  const underWay: Promise<void>[] = [];
  const late = async ({ topic, key, payload, messageId }: HeldMessage) => {
    turn.broughtForward(messageId);
    await Bun.sleep(turn.random() * LATE_BY_MS);
    await publish(topic, key, payload);
  };
  const takeAll = async () => {
    for (const hold of holds) underWay.push(...(await hold.take()).map(late));
  };
  while (!turn.over.aborted) {
    await takeAll();
    await turn.wait(LOOK_EVERY_MS);
  }
  for (const hold of holds) await hold.end();
  await takeAll();
  await Promise.all(underWay);
  return underWay.length;
}

/** The same message, about an order that does not exist. */
function stranger({ key, value, messageId }: WholeRecord): string {
  const text = value?.toString() ?? "";
  return text.replaceAll(key ?? "", Bun.randomUUIDv7()).replaceAll(messageId ?? "", Bun.randomUUIDv7());
}

async function strike(stage: Stage, turn: Turn): Promise<void> {
  const holds: OutboxHold[] = [];
  for (const name of participants) holds.push(await holdOutbox(name, stage.superuserUrl(name), LATE_PART));
  let strangers = 0;
  await withProducer(stage, async (producer) => {
    const publish: Publish = async (topic, key, value) => {
      await producer.send({ topic, messages: [{ key, value, headers: { [HARNESS_HEADER]: "1" } }] });
    };
    const hear = async (record: WholeRecord) => {
      if (record.type === "ProductChanged" || turn.random() * STRANGER_IN >= 1) return;
      const value = stranger(record);
      strangers += 1;
      await publish(record.topic, String(JSON.parse(value).subject), value);
    };
    let late = 0;
    await listening(stage, answers, hear, async () => {
      late = await deliverLate(holds, turn, publish);
    });
    turn.did(`${late} messages late, ${strangers} about unknown orders`, late);
  });
  for (const hold of holds) await hold.close();
}

export const reordered: Fault = {
  number: 13,
  name: "reordered and late",
  full: { forMs: 60_000, effects: 100 },
  what: `a part of all messages comes up to ${LATE_BY_MS / 1_000} s late, so that later ones overtake it: a compensation its deed, a cancel its order; and answers come about unknown orders`,
  rules: EVERYTHING,
  needs: {},
  mixes: true,
  strike,
};
