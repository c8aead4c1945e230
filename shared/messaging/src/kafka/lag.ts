import type { Topic } from "@shop/contracts/services";
import type { Admin } from "kafkajs";
import type { Naming } from "./naming.ts";

interface LagOptions {
  readonly groupId: string;
  readonly topics: readonly Topic[];
}

/** How many records a group has not handled yet: of each partition what lies behind the committed offset, or all of it. */
export async function readLag(admin: Admin, naming: Naming, { groupId, topics }: LagOptions): Promise<number> {
  const names = topics.map(naming.topic);
  const committed = await admin.fetchOffsets({ groupId: naming.group(groupId), topics: names });
  const next = new Map(
    committed.flatMap(({ topic, partitions }) =>
      partitions.map(({ partition, offset }) => [`${topic} ${partition}`, BigInt(offset)] as const),
    ),
  );
  let lag = 0n;
  for (const name of names) {
    for (const { partition, low, high } of await admin.fetchTopicOffsets(name)) {
      const from = next.get(`${name} ${partition}`) ?? NOTHING_COMMITTED;
      const first = from === NOTHING_COMMITTED || from < BigInt(low) ? BigInt(low) : from;
      if (BigInt(high) > first) lag += BigInt(high) - first;
    }
  }
  return Number(lag);
}

const NOTHING_COMMITTED = -1n;
