import { UnavailableError } from "@shop/http/errors";
import type { Clock } from "@shop/runtime/clock";

/** argon2id as OWASP's password storage cheat sheet has it for 12 MiB: 3 rounds, one lane. About 30 ms of a core. */
const ARGON2ID = { algorithm: "argon2id", memoryCost: 12 * 1024, timeCost: 3 } as const;
/** Four hold 48 MiB while they run; more would only wait for the cores. */
const AT_ONCE = 4;
/** As many wait in one lane; beyond it a caller would wait for more than a second, and is told at once to come again. */
const MAX_WAITING = 64;
/** Whoever has waited this long is no longer listened for. */
const MAX_WAIT_MS = 1_200;

/**
 * The lines in which callers wait. Each gets every fourth free place as long as somebody waits in it, so that a flood in one holds up no other:
 * names whose user has a session, names that exist, new names, and all others.
 */
const LANES = ["regular", "registered", "signUp", "other"] as const;
export type Lane = (typeof LANES)[number];

/** Hashes and compares passwords, off the event loop, a few at a time. */
export interface Passwords {
  /**
   * Runs `work` when its turn comes; `hash` and `matches` belong inside.
   * @throws UnavailableError when too many wait in the lane already, or it waited too long
   */
  takeTurn<Result>(lane: Lane, work: () => Promise<Result>): Promise<Result>;
  /** Whether a turn that is asked for at this moment comes at once, in whichever lane. */
  hasFreePlace(): boolean;
  hash(password: string): Promise<string>;
  /** Compares with a hash; without one it takes the same time and is false. */
  matches(password: string, hash: string | undefined): Promise<boolean>;
}

export function createPasswords(clock: Clock): Passwords {
  const waiting: Readonly<Record<Lane, (() => void)[]>> = { regular: [], registered: [], signUp: [], other: [] };
  let running = 0;
  /** The lane that comes first when a place becomes free, by its place among the lanes. */
  let first = 0;
  // The same letters can be typed composed or decomposed, depending on the keyboard and the system.
  const hash = (password: string) => Bun.password.hash(password.normalize("NFC"), ARGON2ID);
  const dummyHash = hash(crypto.randomUUID());

  const hasFreePlace = () => running < AT_ONCE;

  function turn(lane: Lane): Promise<void> {
    if (hasFreePlace()) {
      running += 1;
      return Promise.resolve();
    }
    const line = waiting[lane];
    if (line.length >= MAX_WAITING) throw new UnavailableError("too many passwords wait to be hashed");
    return new Promise((resolve) => line.push(resolve));
  }

  /** The place goes to the next lane in which somebody waits, and there to who has waited longest; or it becomes free. */
  function passOn(): void {
    for (let step = 0; step < LANES.length; step += 1) {
      const index = (first + step) % LANES.length;
      const lane = LANES[index];
      const next = lane && waiting[lane].shift();
      if (next === undefined) continue;
      first = (index + 1) % LANES.length;
      next();
      return;
    }
    running -= 1;
  }

  return {
    hasFreePlace,
    async takeTurn(lane, work) {
      const sinceMs = clock.elapsed();
      await turn(lane);
      try {
        if (clock.elapsed() - sinceMs > MAX_WAIT_MS)
          throw new UnavailableError("a password waited too long to be hashed");
        return await work();
      } finally {
        passOn();
      }
    },
    hash,
    async matches(password, known) {
      const matched = await Bun.password.verify(password.normalize("NFC"), known ?? (await dummyHash));
      return matched && known !== undefined;
    },
  };
}
