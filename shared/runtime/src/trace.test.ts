import { expect, test } from "bun:test";
import { childTraceparent } from "./trace.ts";

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
