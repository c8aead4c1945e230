import { expect, test } from "bun:test";
import { Cursor, toPage } from "./page.ts";

const ids = [3, 2, 1].map((n) => `01939e6a-7c00-7000-8000-00000000000${n}`);
const rows = ids.map((id) => ({ id }));

test("a page goes on behind its last item only if one more was read, also when it is just full", () => {
  expect(toPage(rows, 2)).toEqual({ items: rows.slice(0, 2), nextCursor: "01939e6a7c0070008000000000000002" });
  for (const limit of [3, 4]) expect(toPage(rows, limit)).toEqual({ items: rows, nextCursor: null });
  expect(toPage([], 1)).toEqual({ items: [], nextCursor: null });
});

test("a cursor that a page has given stands for its last item", () => {
  expect(Cursor.parse(toPage(rows, 1).nextCursor)).toBe(ids[0] ?? "");
});
