import type { DeadLetter } from "@shop/contracts/http/dead-letter";

/** A message that could not be handled, and those of its key that wait behind it in the same service, in the order in which they came. */
export interface Queue {
  readonly head: DeadLetter;
  readonly parked: readonly DeadLetter[];
}

const isOpen = ({ replayedAt }: DeadLetter) => replayedAt === null;

/**
 * Puts parked messages behind what they wait for. One whose head is not among these letters stands by itself.
 * @param letters newest first, as the shop lists them
 */
export function queuesOf(letters: readonly DeadLetter[]): readonly Queue[] {
  const headOf = (letter: DeadLetter) =>
    letter.cause === "PARKED" && isOpen(letter)
      ? letters.findLast(
          (other) =>
            isOpen(other) && other.cause !== "PARKED" && other.service === letter.service && other.key === letter.key,
        )
      : undefined;
  const parked = Map.groupBy(letters, headOf);
  return (parked.get(undefined) ?? []).map((head) => ({ head, parked: (parked.get(head) ?? []).toReversed() }));
}
