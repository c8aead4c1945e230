import { expect, test } from "bun:test";
import type { CloudEvent } from "@shop/contracts/messages/cloud-event";
import { defineMessage, type MessageDefinition } from "@shop/contracts/messages/define";
import { uuidV7 } from "@shop/runtime/ids";
import { ManualClock } from "@shop/testing/clock";
import { z } from "zod";
import { decode } from "./decode.ts";
import { outgoing, toOutboxRow } from "../outbox/outgoing.ts";

const clock = new ManualClock();
const about = {
  type: "CratePacked",
  topic: "product.events",
  sender: "product",
  receivers: [],
  summary: "For this test.",
} as const;
const kilograms = z.object({ kilograms: z.number() });
const grams = z.object({ grams: z.int() });

/** The three releases that lead from one version to the next. */
const before = defineMessage({ ...about, data: kilograms });
const prepared = defineMessage({
  ...about,
  data: kilograms,
  alsoReads: [{ version: 2, data: grams.transform((data) => ({ kilograms: data.grams / 1_000 })) }],
});
const after = defineMessage({
  ...about,
  version: 2,
  data: grams,
  alsoReads: [{ version: 1, data: kilograms.transform((data) => ({ grams: Math.round(data.kilograms * 1_000) })) }],
});

function read(reader: MessageDefinition, record: { readonly key: string; readonly payload: CloudEvent }) {
  const value = Buffer.from(JSON.stringify(record.payload));
  const decoded = decode(
    { topic: about.topic, partition: 0, offset: "0", key: record.key, value, headers: {} },
    new Map([[reader.type, reader]]),
  );
  return decoded.kind === "message" ? decoded.message.data : decoded.deadLetter.cause;
}

const first = toOutboxRow(outgoing(before, "a", { kilograms: 1.5 }, undefined), uuidV7, clock);
const second = toOutboxRow(outgoing(after, "a", { grams: 1_500 }, undefined), uuidV7, clock);

test("while two versions are around, each release reads what its neighbours send, as its own data", () => {
  expect(read(before, first)).toEqual({ kilograms: 1.5 });
  expect(read(prepared, first)).toEqual({ kilograms: 1.5 });
  expect(read(prepared, second)).toEqual({ kilograms: 1.5 });
  expect(read(after, first)).toEqual({ grams: 1_500 });
  expect(read(after, second)).toEqual({ grams: 1_500 });
});

test("a version that a release does not read is a dead letter, and so is data that does not fit its version", () => {
  expect(read(before, second)).toBe("UNKNOWN_VERSION");
  const broken = { ...first, payload: { ...first.payload, data: { grams: 1 } } };
  expect(read(after, broken)).toBe("INVALID_DATA");
});
