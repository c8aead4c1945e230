/** What is known of a signing key beside the key. */
interface Aged {
  readonly createdAt: Date;
}

/**
 * How long a new key is shown before anything is signed with it: every replica has read it from the database by then (within 10 s), and so
 * anyone who meets it and asks any replica for the keys is given it.
 */
export const SHOWN_BEFORE_USE_MS = 120_000;
/** How long tokens live, and some minutes for clocks that differ and for verifiers that look again each minute. */
const NEEDED_AFTER_USE_MS = 15 * 60_000 + 180_000;

/**
 * The newest key that everyone can know; the oldest one when none is that old, which is the first of a new database or one that was made in a hurry.
 * @param keys the newest first
 */
export function keyToSignWith<Key extends Aged>(keys: readonly Key[], nowMs: number): Key | undefined {
  return keys.find(({ createdAt }) => createdAt.getTime() <= nowMs - SHOWN_BEFORE_USE_MS) ?? keys.at(-1);
}

/** A key of before this time signs no more, and no token lives that still needs it, if a newer key of before this time is there. */
export function supersededSince(nowMs: number): Date {
  return new Date(nowMs - SHOWN_BEFORE_USE_MS - NEEDED_AFTER_USE_MS);
}
