import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { type CloudEvent, dataschemaOf } from "@shop/contracts/messages/cloud-event";
import { defineMessage, type MessageDefinition } from "@shop/contracts/messages/define";
import { messagesByType } from "@shop/contracts/messages/registry";
import { topics } from "@shop/contracts/services";
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

test("whatever number a message carries, its reader gets what its sender wrote", () => {
  const number = fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0);
  fc.assert(
    fc.property(number, fc.uuid(), (value, key) => {
      const row = toOutboxRow(outgoing(before, key, { kilograms: value }, undefined), uuidV7, clock);
      expect(read(before, row)).toEqual({ kilograms: value });
    }),
  );
});

const CAUSES = [
  ...["EMPTY", "NOT_JSON", "NOT_A_CLOUD_EVENT", "UNKNOWN_TYPE", "WRONG_TOPIC", "UNKNOWN_VERSION", "NO_KEY"],
  "INVALID_DATA",
];

const key = fc.option(fc.string({ unit: "binary", maxLength: 250 }));
const anyBytes = fc.oneof(
  fc.constant(null),
  fc.uint8Array({ maxLength: 400 }),
  fc.string({ unit: "binary" }).map((text) => Buffer.from(text)),
  fc.json().map((text) => Buffer.from(text)),
);
const anyField = fc.jsonValue();
/** Messages whose data can be wrong: one without data takes any object. */
const withData = [...messagesByType.values()].filter(({ data }) => !data.safeParse({}).success);
/** The envelope of one of the system's messages, with anything in its data or in any of its fields. */
const anyEnvelope = fc
  .tuple(
    fc.constantFrom(...withData),
    fc.oneof(
      fc.record({ data: anyField }),
      fc.record(
        {
          ...{ type: anyField, id: anyField, subject: anyField, time: anyField, source: anyField },
          ...{ dataschema: anyField, traceparent: anyField, data: anyField },
        },
        { requiredKeys: ["data"] },
      ),
    ),
  )
  .map(([definition, fields]) => {
    const { topic, type, version } = definition;
    const event = { ...first.payload, type, dataschema: dataschemaOf(definition, version), ...fields };
    return { topic, value: Buffer.from(JSON.stringify(event)) };
  });
const anyRecord = fc
  .tuple(key, fc.oneof(fc.record({ topic: fc.constantFrom(...topics), value: anyBytes }), anyEnvelope))
  .map(([of, { topic, value }]) => ({ topic, partition: 0, offset: "0", key: of, value, headers: {} }));

test("whatever bytes a record holds, it is refused with a cause, and never throws", () => {
  fc.assert(
    fc.property(anyRecord, (record) => {
      const decoded = decode(record);
      // No generated data fit the schema of a message.
      if (decoded.kind !== "undecodable") throw new Error("this was read as a message");
      expect(CAUSES).toContain(decoded.deadLetter.cause);
      expect(decoded.deadLetter.detail.length).toBeWithin(1, 2_001);
      expect(decoded.deadLetter.record).toBe(record);
    }),
    { numRuns: 500 },
  );
});

test("a message with a byte changed or its end cut off is the same message, another one that fits, or refused", () => {
  const payload = Buffer.from(JSON.stringify(first.payload));
  const definitions = new Map([[before.type, before]]);
  fc.assert(
    fc.property(fc.nat(payload.length - 1), fc.nat(255), fc.boolean(), (at, byte, isCut) => {
      const value = isCut ? payload.subarray(0, at) : Buffer.from(payload).fill(byte, at, at + 1);
      const decoded = decode(
        { topic: about.topic, partition: 0, offset: "0", key: "a", value, headers: {} },
        definitions,
      );
      if (decoded.kind === "message") {
        expect(isCut).toBe(false);
        expect(kilograms.safeParse(decoded.message.data).success).toBe(true);
      } else expect(CAUSES).toContain(decoded.deadLetter.cause);
    }),
    { numRuns: 500 },
  );
});
