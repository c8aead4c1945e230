import type { DeadLetter } from "@shop/contracts/http/dead-letter";

/** A message that could not be handled, and those of its key that wait behind it in the same service, in the order in which they came. */
export interface Queue {
  readonly head: DeadLetter;
  readonly parked: readonly DeadLetter[];
}

const isOpen = ({ replayedAt }: DeadLetter) => replayedAt === null;

/**
 * Puts parked messages behind what they wait for. One whose head is not among these dead letters stands by itself.
 * @param deadLetters newest first, as the shop lists them
 */
export function queuesOf(deadLetters: readonly DeadLetter[]): readonly Queue[] {
  const headOf = (deadLetter: DeadLetter) =>
    deadLetter.cause === "PARKED" && isOpen(deadLetter)
      ? deadLetters.findLast(
          (other) =>
            isOpen(other) &&
            other.cause !== "PARKED" &&
            other.service === deadLetter.service &&
            other.key === deadLetter.key,
        )
      : undefined;
  const parked = Map.groupBy(deadLetters, headOf);
  return (parked.get(undefined) ?? []).map((head) => ({ head, parked: (parked.get(head) ?? []).toReversed() }));
}
