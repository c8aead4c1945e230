import type { Topic } from "@shop/contracts/services";
import type { Acknowledgement, PartitionEnd } from "../broker.ts";

/** The acknowledged end offset of each partition: the broker must still have all records before it. */
export interface AcknowledgedOffsets {
  /** The topics of which it has acknowledged something. */
  topics(): readonly Topic[];
  /** Takes note of a publication. */
  add(acknowledgements: readonly Acknowledgement[]): void;
  /** Forgets topics that are being recovered. */
  forget(topics: readonly Topic[]): void;
  /** The topics that a publication shows to have lost something: its records stand where acknowledged ones stood. */
  overwrittenBy(acknowledgements: readonly Acknowledgement[]): readonly Topic[];
  /** The topics that end before what was acknowledged; a partition that is not among `ends` is gone as a whole. */
  missingFrom(ends: readonly PartitionEnd[]): readonly Topic[];
}

const nameOf = ({ topic, partition }: { readonly topic: Topic; readonly partition: number }) => `${topic}:${partition}`;

export function createAcknowledgedOffsets(before: readonly PartitionEnd[]): AcknowledgedOffsets {
  const ends = new Map(before.map((end) => [nameOf(end), end]));
  const topicsOf = (partitions: readonly { readonly topic: Topic }[]) => [
    ...new Set(partitions.map(({ topic }) => topic)),
  ];
  return {
    topics: () => topicsOf([...ends.values()]),
    add(acknowledgements) {
      for (const { topic, partition, endOffset } of acknowledgements)
        ends.set(nameOf({ topic, partition }), { topic, partition, endOffset });
    },
    forget(topics) {
      for (const [name, { topic }] of ends) if (topics.includes(topic)) ends.delete(name);
    },
    overwrittenBy: (acknowledgements) =>
      topicsOf(
        acknowledgements.filter((acknowledgement) => {
          const known = ends.get(nameOf(acknowledgement));
          return known !== undefined && acknowledgement.firstOffset < known.endOffset;
        }),
      ),
    missingFrom(found) {
      const foundEnds = new Map(found.map((end) => [nameOf(end), end.endOffset]));
      return topicsOf([...ends.values()].filter((known) => (foundEnds.get(nameOf(known)) ?? 0n) < known.endOffset));
    },
  };
}
