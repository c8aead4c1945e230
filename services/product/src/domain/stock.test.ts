import { expect, test } from "bun:test";
import { decideInOrder, isStockInRange, type StockLevel, totalsByProduct } from "./stock.ts";

const stockLevels = (stocks: Readonly<Record<string, number>>, withdrawn: readonly string[] = []) =>
  new Map<string, StockLevel>(
    Object.entries(stocks).map(([id, stock]) => [id, { stock, isWithdrawn: withdrawn.includes(id) }]),
  );
const request = (orderId: string, items: Readonly<Record<string, number>>) => ({
  orderId,
  items: Object.entries(items).map(([productId, quantity]) => ({ productId, quantity })),
});
const words = (decisions: ReturnType<typeof decideInOrder>) =>
  Object.fromEntries([...decisions.byOrder].map(([id, it]) => [id, it.kind === "taken" ? "taken" : it.reason]));

test("when there is enough for everyone, everyone gets theirs and each stock level loses the sum", () => {
  const decisions = decideInOrder(
    [request("1", { tea: 2, jar: 1 }), request("2", { tea: 3 })],
    stockLevels({ tea: 5, jar: 9 }),
  );
  expect(words(decisions)).toEqual({ 1: "taken", 2: "taken" });
  expect(decisions.taken).toEqual([
    { productId: "tea", quantity: 5 },
    { productId: "jar", quantity: 1 },
  ]);
});

test("who comes first is served first, and a smaller order behind a refused one still gets its own", () => {
  const decisions = decideInOrder(
    [request("1", { tea: 3 }), request("2", { tea: 3 }), request("3", { tea: 2 }), request("4", { tea: 1 })],
    stockLevels({ tea: 5 }),
  );
  expect(words(decisions)).toEqual({ 1: "taken", 2: "OUT_OF_STOCK", 3: "taken", 4: "OUT_OF_STOCK" });
});

test("an order that lacks one item takes nothing of the others", () => {
  const decisions = decideInOrder(
    [request("1", { tea: 1, jar: 2 }), request("2", { tea: 1 })],
    stockLevels({ tea: 1, jar: 1 }),
  );
  expect(words(decisions)).toEqual({ 1: "OUT_OF_STOCK", 2: "taken" });
  expect(decisions.taken).toEqual([{ productId: "tea", quantity: 1 }]);
});

test("a product that is unknown or withdrawn is not found, whatever else the order lacks", () => {
  const decisions = decideInOrder(
    [request("1", { tea: 9, gone: 1 }), request("2", { nowhere: 1 })],
    stockLevels({ tea: 1, gone: 5 }, ["gone"]),
  );
  expect(words(decisions)).toEqual({ 1: "PRODUCT_NOT_FOUND", 2: "PRODUCT_NOT_FOUND" });
  expect(decisions.taken).toEqual([]);
});

test("a product that stands twice counts with the sum, in whichever case its id is written", () => {
  const items = [
    { productId: "AB", quantity: 1 },
    { productId: "ab", quantity: 2 },
  ];
  expect(totalsByProduct(items)).toEqual([{ productId: "ab", quantity: 3 }]);
});

test("stock in range leaves room for all that orders hold to come back", () => {
  expect(isStockInRange(10, 0, 10)).toBe(true);
  expect(isStockInRange(8, 3, 10)).toBe(false);
  expect(isStockInRange(0, 10, 10)).toBe(true);
  expect(isStockInRange(-1, 3, 10)).toBe(false);
});
