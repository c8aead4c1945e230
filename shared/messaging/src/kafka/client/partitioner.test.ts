import { expect, test } from "bun:test";
import { type PartitionerArgs, Partitioners } from "kafkajs";
import { byKey } from "./partitioner.ts";

test("a key has the partition that Kafka's own clients give it, whatever its length and bytes", () => {
  const partitionMetadata = Array.from({ length: 7 }, (_, partitionId) => ({
    partitionId,
  })) as PartitionerArgs["partitionMetadata"];
  const [ours, theirs] = [byKey(), Partitioners.DefaultPartitioner()];
  for (let length = 1; length < 70; length += 1) {
    for (let time = 0; time < 20; time += 1) {
      const key = Buffer.from(crypto.getRandomValues(new Uint8Array(length)));
      const record = { topic: "t", partitionMetadata, message: { key, value: null } };
      expect(ours(record)).toBe(theirs(record));
    }
  }
  const named = {
    topic: "t",
    partitionMetadata,
    message: { key: "01900000-0000-7000-8000-00000000000a", value: null },
  };
  expect(ours(named)).toBe(theirs(named));
});
