import { expect, test } from "bun:test";
import { childTraceparent, isSampled, type Sample, spanIdOf, traceIdOf } from "./trace.ts";

const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";

test("what follows from a trace belongs to it, with a span and the flags of its parent", () => {
  const child = childTraceparent(parent);
  expect(child).toMatch(/^00-0af7651916cd43dd8448eb211c80319c-[0-9a-f]{16}-00$/);
  expect(child).not.toBe(parent);
});

test("without a usable parent a new trace begins", () => {
  for (const unusable of [
    undefined,
    "",
    "nonsense",
    parent.replace("00-", "ff-"),
    `00-${"0".repeat(32)}-${"1".repeat(16)}-01`,
  ]) {
    const fresh = childTraceparent(unusable);
    expect(fresh).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
    expect(fresh).not.toContain("0".repeat(32));
  }
});

test("a sampler decides about each trace, is told what the parent decided, and leaves the other flags alone", () => {
  const asked: Parameters<Sample>[] = [];
  const sampler = (decision: boolean) => (traceId: string, parentIsSampled: boolean | undefined) => {
    asked.push([traceId, parentIsSampled]);
    return decision;
  };
  const fresh = childTraceparent(undefined, sampler(false));
  expect([isSampled(fresh), fresh.slice(-2)]).toEqual([false, "00"]);
  expect(childTraceparent(parent, sampler(true)).slice(-2)).toBe("01");
  expect(childTraceparent(parent.replace(/00$/, "03"), sampler(false)).slice(-2)).toBe("02");
  const parentId = traceIdOf(parent);
  expect(asked).toEqual([
    [traceIdOf(fresh), undefined],
    [parentId, false],
    [parentId, true],
  ]);
  expect([parentId, spanIdOf(parent)]).toEqual(["0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"]);
  expect(["00", "01", "0a", "0b", "fe", "ff"].map((flags) => isSampled(parent.slice(0, -2) + flags))).toEqual(
    [false, true, false, true, false, true], // The last bit.
  );
});
