import { describe, expect, test } from "bun:test";
import { defineMessage, type MessageDefinition } from "@shop/contracts/messages/define";
import { z } from "zod";
import { incompatibilities } from "./compatible.ts";
import { currentMessages, readReleased } from "./released.ts";

const about = {
  type: "CratePacked",
  topic: "product.events",
  sender: "product",
  receivers: [],
  summary: "For this test.",
} as const;
const crate = { orderId: z.uuid(), size: z.enum(["SMALL", "LARGE"]), note: z.string().optional() };

function between(before: z.ZodType, now: MessageDefinition | undefined): readonly string[] {
  const released = currentMessages([defineMessage({ ...about, data: before })]);
  return incompatibilities(released, currentMessages(now === undefined ? [] : [now]));
}
const changedTo = (data: z.ZodType) => between(z.object(crate), defineMessage({ ...about, data }));

test("replicas of the last release and of this one can read each other's messages; see docs/messages.md before changing one", async () => {
  const released = await readReleased();
  expect(Object.keys(released).length).toBeGreaterThan(12);
  expect(incompatibilities(released, currentMessages())).toEqual([]);
});

describe("a change that both releases can live with is let through:", () => {
  test.each<[string, z.ZodType]>([
    ["an optional property more", z.object({ ...crate, weight: z.number().optional() })],
    ["an optional property less", z.object({ orderId: crate.orderId, size: crate.size })],
    ["another description", z.object(crate).meta({ description: "What was packed" })],
  ])("%s", (_change, data) => {
    expect(changedTo(data)).toEqual([]);
  });

  test("a new version beside the old one, which is read on", () => {
    const now = defineMessage({
      ...about,
      version: 2,
      data: z.object({ crates: z.int() }),
      alsoReads: [{ version: 1, data: z.object(crate).transform(() => ({ crates: 1 })) }],
    });
    expect(between(z.object(crate), now)).toEqual([]);
  });
});

describe("a change that one of them cannot read is reported:", () => {
  test.each<[string, z.ZodType, string]>([
    ["a required property more", z.object({ ...crate, weight: z.number() }), "data.weight is required now"],
    ["a required property less", z.object({ orderId: crate.orderId }), "data.size was required"],
    ["a required property that is optional now", z.object({ ...crate, size: crate.size.optional() }), "data.size was"],
    ["an enum value more", z.object({ ...crate, size: z.enum(["SMALL", "LARGE", "HUGE"]) }), "data.size: enum was"],
    ["an enum value less", z.object({ ...crate, size: z.enum(["SMALL"]) }), "data.size: "],
    ["another type", z.object({ ...crate, note: z.number().optional() }), "data.note: type was"],
    ["a limit", z.object({ ...crate, note: z.string().max(3).optional() }), "data.note: maxLength was not there"],
    [
      "inside of a list",
      z.object({ ...crate, orderId: z.array(z.uuid()) }),
      'data.orderId: type was "string", is "array"',
    ],
  ])("%s", (_change, data, report) => {
    expect(changedTo(data).join("\n")).toContain(report);
  });

  test("a new version without the old one, another topic, a message that is gone", () => {
    const second = defineMessage({ ...about, version: 2, data: z.object({ crates: z.int() }) });
    expect(between(z.object(crate), second)[0]).toContain("CratePacked version 1 is not read any more");
    const moved = defineMessage({ ...about, topic: "order.events", data: z.object(crate) });
    expect(between(z.object(crate), moved)[0]).toContain("has moved from product.events to order.events");
    expect(between(z.object(crate), undefined)[0]).toContain("CratePacked is not read any more");
  });
});
