import type { Passwords, QueuePosition } from "./passwords.ts";

/** What came of an attempt to log in; `closed`: it was one too many, and the password was not compared. */
export type AttemptOutcome = "right" | "wrong" | "closed";

/**
 * Makes an attempt to log in when its turn comes. While slots are scarce it is made in the line of its name, but only a right password gets its
 * answer there. Any other has also to stand in the line of all others and to take as long as they do: else the time of an answer, or a 503,
 * would tell whether somebody has this name.
 * @throws UnavailableError as `takeTurn` does
 */
export async function takeLoginTurn(
  passwords: Passwords,
  position: QueuePosition,
  attempt: () => Promise<AttemptOutcome>,
): Promise<AttemptOutcome> {
  if (position.lane === "other" || passwords.hasFreeSlot()) return passwords.takeTurn(position, attempt);
  let isOver = false;
  const asOthers = passwords
    .takeTurn({ ...position, lane: "other" }, async () => isOver || passwords.matches("", undefined))
    .then(
      () => () => undefined,
      (error: unknown) => () => {
        throw error;
      },
    );
  try {
    const outcome = await passwords.takeTurn(position, attempt);
    if (outcome !== "right") (await asOthers)();
    return outcome;
  } finally {
    isOver = true;
  }
}
