import type { Passwords, Place } from "./passwords.ts";

/** What came of an attempt to log in; `closed`: it was one too many, and the password was not compared. */
export type AttemptOutcome = "right" | "wrong" | "closed";

/**
 * Makes an attempt to log in when its turn comes. While places are scarce it is made in the line of its name, but only a right password gets its
 * answer there. Any other has also to stand in the line of all others and to take as long as they do: else the time of an answer, or a 503,
 * would tell whether somebody has this name.
 * @throws UnavailableError as `takeTurn` does
 */
export async function takeLoginTurn(
  passwords: Passwords,
  place: Place,
  attempt: () => Promise<AttemptOutcome>,
): Promise<AttemptOutcome> {
  if (place.lane === "other" || passwords.hasFreePlace()) return passwords.takeTurn(place, attempt);
  let isOver = false;
  const asOthers = passwords
    .takeTurn({ ...place, lane: "other" }, async () => isOver || passwords.matches("", undefined))
    .then(
      () => () => undefined,
      (error: unknown) => () => {
        throw error;
      },
    );
  try {
    const outcome = await passwords.takeTurn(place, attempt);
    if (outcome !== "right") (await asOthers)();
    return outcome;
  } finally {
    isOver = true;
  }
}
