import type { Shop, ShopOptions } from "@shop/client/shop";
import type { SeenMessage } from "./message-tap.ts";

type Say = (line: string) => void;

const DEADLINE_MS = 15_000;
/** How much later than an earlier message a later one is shown at least: topics are read one beside the other, and may bring what was first last. */
const ORDERING_MS = 250;
/** How much is shown of what has not come about. */
const SHOWN_CHARACTERS = 1_000;

/** Tells what happens to one order after the other: each call and each message with its time since the order was placed. */
export class Story {
  readonly #say: Say;
  #startedAt = Date.now();
  #orderId: string | undefined;
  readonly #early: SeenMessage[] = [];
  readonly #heard = new Set<string>();
  #lines: { readonly at: number; readonly text: string }[] = [];

  constructor(say: Say) {
    this.#say = say;
  }

  /** Begins a chapter; its time starts with its order. */
  begin(title: string): void {
    this.#show(Infinity);
    this.#orderId = undefined;
    this.#early.length = 0;
    this.#heard.clear();
    this.#startedAt = Date.now();
    this.#say(`\n${title}`);
  }

  /** A listener for the calls of one person. */
  callsOf(person: string): Required<Pick<ShopOptions, "onAnswer">> {
    return {
      onAnswer: ({ method, path, status, startedAt }) => {
        if (method === "POST" && path === "/api/orders") this.#startedAt = startedAt;
        if (method !== "GET") this.#line(startedAt, `${person} ⇒ HTTP`, `${method} ${shorten(path)} → ${status}`);
      },
    };
  }

  /** From now on messages of this order are shown; those that came before its answer too. */
  follow(orderId: string): void {
    this.#orderId = orderId;
    for (const message of this.#early.splice(0)) this.hear(message);
  }

  hear(message: SeenMessage): void {
    if (this.#orderId === undefined) {
      this.#early.push(message);
    } else if (message.key === this.#orderId) {
      this.#heard.add(message.type);
      const receiver = message.topic.endsWith(".commands")
        ? message.topic.slice(0, -".commands".length)
        : "orchestrator";
      const { result, reason } = message.data;
      const facts = [result, reason].filter((fact) => typeof fact === "string").join(", ");
      this.#line(
        message.writtenAt,
        `${message.sender} → ${receiver}`,
        `${message.type}${facts === "" ? "" : ` (${facts})`}`,
      );
    }
  }

  /** Waits until a message of this chapter's order has been shown. */
  async untilHeard(type: string): Promise<void> {
    await until(
      `the message ${type}`,
      () => Promise.resolve(this.#heard),
      (heard) => heard.has(type),
    );
  }

  note(text: string): void {
    this.#line(Date.now(), "", text);
    this.#show(Infinity);
  }

  #line(at: number, who: string, what: string): void {
    const ms = `+${Math.max(0, Math.round(at - this.#startedAt))} ms`;
    this.#lines.push({ at, text: `  ${ms.padStart(9)}   ${who.padEnd(26)} ${what}` });
    setTimeout(() => this.#show(at), ORDERING_MS);
  }

  /** Shows what happened up to a moment, in the order in which it happened. */
  #show(upTo: number): void {
    const due = this.#lines.filter(({ at }) => at <= upTo).toSorted((one, other) => one.at - other.at);
    this.#lines = this.#lines.filter(({ at }) => at > upTo);
    for (const { text } of due) this.#say(text);
  }
}

/** Ids are long; the path without them says what was called. */
function shorten(path: string): string {
  return path.replace(/[0-9a-f]{8}-[0-9a-f-]{27}/, "{id}");
}

/**
 * Asks for something until it is as it should be.
 * @throws when it is not within 15 s
 */
export async function until<Value>(
  what: string,
  ask: () => Promise<Value>,
  isSo: (value: Value) => boolean,
): Promise<Value> {
  const deadline = Date.now() + DEADLINE_MS;
  for (;;) {
    const value = await ask();
    if (isSo(value)) return value;
    if (Date.now() > deadline)
      throw new Error(
        `${what} has not come about within ${DEADLINE_MS / 1_000} s: ${JSON.stringify(value).slice(0, SHOWN_CHARACTERS)}`,
      );
    await Bun.sleep(5);
  }
}

/** Waits until an order has a status, and gives it. */
export async function orderWith(shop: Shop, id: string, field: "status" | "progress", value: string) {
  return until(
    `the order's ${field} ${value}`,
    () => shop.getOrder(id),
    (order) => order[field] === value,
  );
}
