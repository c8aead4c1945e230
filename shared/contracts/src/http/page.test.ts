import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { Cursor, lookThrough, pageQuery, toPage } from "./page.ts";

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

test("a filter that no index serves finds all of a long list once, page after page, and no page looks through more than its share", async () => {
  const all = Array.from({ length: 5_003 }, (_, n) => ({
    id: `01939e6a-7c00-7000-8000-${(5_003 - n).toString(16).padStart(12, "0")}`,
    isWanted: n === 0 || n === 1_999 || n > 4_990,
  }));
  const found: string[] = [];
  let afterId: string | undefined;
  for (let pages = 1; ; pages += 1) {
    let looked = 0;
    const page = await lookThrough<(typeof all)[number]>(
      { span: { oldestFirst: false, afterId }, limit: 5 },
      ({ isWanted }) => isWanted,
      async (span, limit) => {
        const next = all.filter(({ id }) => span.afterId === undefined || id < span.afterId).slice(0, limit);
        looked += next.length;
        return next;
      },
    );
    expect(looked).toBeLessThanOrEqual(2_000);
    expect(page.items.length).toBeLessThanOrEqual(5);
    found.push(...page.items.map(({ id }) => id));
    if (page.nextCursor === null) break;
    afterId = Cursor.parse(page.nextCursor);
    expect(pages).toBeLessThan(10);
  }
  expect(found).toEqual(all.flatMap(({ id, isWanted }) => (isWanted ? id : [])));
});

test("whatever id a page ends with, its cursor stands for that id", () => {
  fc.assert(
    fc.property(fc.uuid(), (id) => {
      expect(Cursor.parse(toPage([{ id }, { id }], 1).nextCursor)).toBe(id);
    }),
  );
});

test("whatever comes as a cursor is the id of an item or refused, and never throws", () => {
  const query = pageQuery({});
  const character = fc.constantFrom(..."0123456789abcdefABCDEFg-\n ");
  const almost = fc
    .tuple(fc.uuid(), fc.nat(32), fc.string({ unit: character, maxLength: 2 }), fc.nat(2))
    .map(([id, at, put, gone]) => id.replaceAll("-", "").slice(0, at) + put + id.replaceAll("-", "").slice(at + gone));
  const anything = fc.oneof(almost, fc.uuid(), fc.string({ unit: "binary" }), fc.anything());
  fc.assert(
    fc.property(anything, (cursor) => {
      const read = query.safeParse({ cursor });
      if (read.success && typeof cursor === "string") expect(read.data.cursor?.replaceAll("-", "")).toBe(cursor);
      const isCursor =
        cursor === undefined || (typeof cursor === "string" && cursor.length === 32 && !/[^0-9a-f]/.test(cursor));
      expect(read.success).toBe(isCursor);
    }),
    { numRuns: 1_000 },
  );
});
