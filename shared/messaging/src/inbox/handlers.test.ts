import { expect, test } from "bun:test";
import { CancelOrderCommand, CompleteOrderCommand } from "@shop/contracts/messages/order";
import { ProductChanged, ProductDecreased, ProductIncreased } from "@shop/contracts/messages/product";
import type { Transaction } from "@shop/database/connect";
import type { Received } from "./decode.ts";
import { byType, on, onAny, withLocks } from "./handlers.ts";

const record = { topic: "order.commands", partition: 0, offset: "0", key: "k", value: null, headers: {} } as const;
const message = (type: string, key: string, n: number): Received => ({
  id: `${n}`,
  type,
  key,
  data: n,
  traceparent: undefined,
  record,
});

/** Handles messages written as `type key`, and tells the groups that the handlers were given. */
async function groupsOf(...written: readonly (readonly [string, string])[]): Promise<readonly string[]> {
  const groups: string[] = [];
  const note = (name: string) => (_tx: Transaction, messages: readonly Received[]) => {
    groups.push(`${name}: ${messages.map(({ id, key }) => `${id}${key}`).join(" ")}`);
    return Promise.resolve([]);
  };
  const { handle } = byType(
    on(CompleteOrderCommand, note("complete")),
    on(CancelOrderCommand, note("cancel")),
    onAny([ProductDecreased, ProductIncreased], note("news")),
  );
  // No handler of this test touches the transaction.
  await handle(
    {} as Transaction,
    written.map(([type, key], n) => message(type, key, n)),
  );
  return groups;
}

test("messages of one type are handled together, over all keys", async () => {
  const { type } = CompleteOrderCommand;
  expect(await groupsOf([type, "a"], [type, "b"], [type, "c"])).toEqual(["complete: 0a 1b 2c"]);
});

test("a handler never sees a key twice at once, and a key's messages keep their order over the types", async () => {
  const [done, off] = [CompleteOrderCommand.type, CancelOrderCommand.type];
  expect(await groupsOf([done, "a"], [off, "b"], [off, "a"], [done, "b"], [done, "a"])).toEqual([
    "complete: 0a",
    "cancel: 1b 2a",
    "complete: 3b 4a",
  ]);
});

test("several types that are handled alike come together", async () => {
  expect(await groupsOf([ProductDecreased.type, "a"], [ProductIncreased.type, "b"])).toEqual(["news: 0a 1b"]);
});

test("a type without a handler is a fault of the program", async () => {
  let error: unknown;
  try {
    await groupsOf([ProductChanged.type, "a"]);
  } catch (thrown) {
    error = thrown;
  }
  expect(String(error)).toContain("no handler for ProductChanged");
});

test("what a batch locks first is locked once for the whole batch, before any of its handlers", async () => {
  const seen: string[] = [];
  const note = (name: string) => (_tx: Transaction, messages: readonly Received[]) => {
    seen.push(`${name}: ${messages.map(({ key }) => key).join(" ")}`);
    return Promise.resolve([]);
  };
  const handlers = withLocks(
    byType(on(CompleteOrderCommand, note("complete")), on(CancelOrderCommand, note("cancel"))),
    {
      lockFirst: async (tx, messages) => void (await note("locks")(tx, messages)),
      lockedKeys: () => Promise.resolve(new Set("b")),
    },
  );
  const batch = [message(CompleteOrderCommand.type, "a", 0), message(CancelOrderCommand.type, "b", 1)];
  await handlers.handle({} as Transaction, batch);
  expect(seen).toEqual(["locks: a b", "complete: a", "cancel: b"]);
  expect(await handlers.lockedKeys?.({} as Transaction, batch)).toEqual(new Set("b"));
});
