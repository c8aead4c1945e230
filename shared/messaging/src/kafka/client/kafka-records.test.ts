import { expect, test } from "bun:test";
import Decoder from "kafkajs/src/protocol/decoder";
import encodeRecord from "kafkajs/src/protocol/recordBatch/record/v0";
import { RecordBatch } from "kafkajs/src/protocol/recordBatch/v0";
import decodeBatch from "kafkajs/src/protocol/recordBatch/v0/decoder";

const FIRST = 1_700_000_000_000;

/** Records with lengths and times on both sides of what one, two and five bytes hold, and of what 32 bits hold. */
const records = [
  { timestampDelta: 0, key: "k", value: Buffer.from("v"), headers: {} },
  { timestampDelta: 63, key: null, value: null, headers: { "": "" } },
  {
    timestampDelta: 64,
    key: "a".repeat(64),
    value: Buffer.alloc(8_200, "x"),
    headers: { id: "1", trace: Buffer.from([0, 255]) },
  },
  { timestampDelta: -65, key: "서울", value: Buffer.from("{}"), headers: { many: ["1", "두", ""], one: "1" } },
  { timestampDelta: 2 ** 31 - 1, key: "k", value: Buffer.alloc(600, "y"), headers: {} },
  { timestampDelta: 2 ** 31, key: "k", value: Buffer.from("v"), headers: {} },
  { timestampDelta: -(2 ** 40), key: "k", value: Buffer.from("v"), headers: { ["__proto__"]: "p" } },
].map((record, offsetDelta) => ({ ...record, offsetDelta }));

const batch = () =>
  RecordBatch({
    firstTimestamp: String(FIRST),
    maxTimestamp: String(FIRST),
    lastOffsetDelta: records.length - 1,
    records: records.map(encodeRecord),
  });

test("a batch of records has the bytes that kafkajs 2.2.4 writes without the patch", async () => {
  const { buffer } = await batch();
  expect(new Bun.CryptoHasher("sha256").update(buffer).digest("hex")).toBe(
    "cb72a5d29d24580e8e1ae9525a5e8d590df1988bf8e05d49b6dfd6e6f5bd7c39",
  );
});

test("what was written is read: keys, values, headers, offsets and times", async () => {
  const { buffer } = await batch();
  // The broker sets the offset of the first one; this one is beyond what a number holds exactly.
  buffer.writeBigInt64BE(2n ** 60n, 0);
  const { records: read } = await decodeBatch(new Decoder(buffer));
  const bytes = (value: string | Buffer) => Buffer.from(value);
  expect(
    read.map(({ timestamp, offset, key, value, headers }) => ({
      timestamp,
      offset,
      key,
      value,
      headers: Object.entries(headers),
    })),
  ).toEqual(
    records.map(({ timestampDelta, offsetDelta, key, value, headers }) => ({
      timestamp: String(FIRST + timestampDelta),
      offset: String(2n ** 60n + BigInt(offsetDelta)),
      key: key === null ? null : bytes(key),
      value,
      headers: Object.entries(headers).map(([name, given]) => [
        name,
        typeof given === "object" && !Buffer.isBuffer(given) ? (given as string[]).map(bytes) : bytes(given as string),
      ]),
    })),
  );
  buffer.writeBigInt64BE(41n, 0);
  expect((await decodeBatch(new Decoder(buffer))).records.map(({ offset }) => Number(offset))).toEqual(
    records.map((_, index) => 41 + index),
  );
});
