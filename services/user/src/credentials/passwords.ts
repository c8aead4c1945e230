import { UnavailableError } from "@shop/http/request/errors";
import type { Clock } from "@shop/runtime/clock";

/** argon2id as OWASP's password storage cheat sheet has it for 12 MiB: 3 rounds, one lane. About 30 ms of a core. */
const ARGON2ID = { algorithm: "argon2id", memoryCost: 12 * 1024, timeCost: 3 } as const;
/** Four hold 48 MiB while they run; more would only wait for the cores. */
const AT_ONCE = 4;
/** As many wait in one lane; beyond it a caller would wait for more than a second, and is told at once to come again. */
const MAX_WAITING = 64;
/** Anyone who has waited this long is no longer listened for. */
const MAX_WAIT_MS = 1_200;

/** The lines in which callers wait: users who have a session, other users, new users, and names that do not exist or are guessed at. */
export type Lane = "regular" | "registered" | "signUp" | "other";
const PEOPLE: readonly Lane[] = ["regular", "registered", "signUp"];
/**
 * How free slots go round the lanes; one in which nobody waits is passed over. So a flood in one lane holds up no other, and one of guesses
 * has one slot in ten while people wait in all lanes.
 */
const ROUND: readonly Lane[] = [...PEOPLE, ...PEOPLE, ...PEOPLE, "other"];

/** Where a caller waits: within a lane all names have an equal share, so that one name with many callers holds up no other. */
export interface QueuePosition {
  readonly lane: Lane;
  readonly name: string;
}

/** Hashes and compares passwords, off the event loop, a few at a time. */
export interface Passwords {
  /**
   * Runs `work` when its turn comes; `hash` and `matches` belong inside.
   * @throws UnavailableError when too many wait in the lane, none of them of a name with more callers than this one, or it waited too long
   */
  takeTurn<Result>(position: QueuePosition, work: () => Promise<Result>): Promise<Result>;
  /** Whether a turn that is asked for at this moment comes at once, in whichever lane. */
  hasFreeSlot(): boolean;
  hash(password: string): Promise<string>;
  /** Compares with a hash; without one it takes the same time and is false. */
  matches(password: string, hash: string | undefined): Promise<boolean>;
}

export function createPasswords(clock: Clock): Passwords {
  const lines = { regular: fairLine(), registered: fairLine(), signUp: fairLine(), other: fairLine() };
  let running = 0;
  /** Where the round goes on when a slot becomes free. */
  let first = 0;
  // The same letters can be typed composed or decomposed, depending on the keyboard and the system.
  const hash = (password: string) => Bun.password.hash(password.normalize("NFC"), ARGON2ID);
  const dummyHash = hash(crypto.randomUUID());

  const hasFreeSlot = () => running < AT_ONCE;

  function turn({ lane, name }: QueuePosition): Promise<void> {
    if (!hasFreeSlot()) return lines[lane].wait(name);
    running += 1;
    return Promise.resolve();
  }

  /** The slot goes to the next lane in which somebody waits, or becomes free. */
  function passOn(): void {
    for (let step = 0; step < ROUND.length; step += 1) {
      const index = (first + step) % ROUND.length;
      const lane = ROUND[index];
      if (lane === undefined || !lines[lane].callNext()) continue;
      first = (index + 1) % ROUND.length;
      return;
    }
    running -= 1;
  }

  return {
    hasFreeSlot,
    async takeTurn(position, work) {
      const sinceMs = clock.elapsed();
      await turn(position);
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

interface Waiter {
  readonly call: () => void;
  readonly turnAway: (reason: UnavailableError) => void;
}

/** Callers who wait, by name. Names take turns; when the line is full, the name with the most callers makes room for one with fewer. */
function fairLine() {
  /** The name whose turn it is comes first. */
  const byName = new Map<string, Waiter[]>();
  let length = 0;

  function makeRoomFor(name: string): void {
    const longest = [...byName.values()].reduce((one, other) => (other.length > one.length ? other : one));
    const tooMany = new UnavailableError("too many passwords wait to be hashed");
    if (longest.length <= (byName.get(name)?.length ?? 0) + 1) throw tooMany;
    longest.pop()?.turnAway(tooMany);
    length -= 1;
  }

  return {
    /** @throws UnavailableError when there is no room for this name, at once or later */
    wait(name: string): Promise<void> {
      if (length >= MAX_WAITING) makeRoomFor(name);
      length += 1;
      return new Promise((resolve, reject) => {
        const waiter = { call: resolve, turnAway: reject };
        const ofName = byName.get(name);
        if (ofName === undefined) byName.set(name, [waiter]);
        else ofName.push(waiter);
      });
    },
    /** @returns false when nobody waits */
    callNext(): boolean {
      const [next] = byName;
      if (next === undefined) return false;
      const [name, ofName] = next;
      byName.delete(name);
      const waiter = ofName.shift();
      if (ofName.length > 0) byName.set(name, ofName);
      length -= 1;
      waiter?.call();
      return true;
    },
  };
}
