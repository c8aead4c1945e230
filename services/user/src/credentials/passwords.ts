import { UnavailableError } from "@shop/http/errors";
import type { Clock } from "@shop/runtime/clock";

/** argon2id as OWASP's password storage cheat sheet has it for 12 MiB: 3 rounds, one lane. About 30 ms of a core. */
const ARGON2ID = { algorithm: "argon2id", memoryCost: 12 * 1024, timeCost: 3 } as const;
/** Four hold 48 MiB while they run; more would only wait for the cores. */
const AT_ONCE = 4;
/** Beyond it a caller would wait for more than a second, and is told at once to come again. */
const MAX_WAITING = 64;
/** Whoever has waited this long is no longer listened for. */
const MAX_WAIT_MS = 1_200;

/** Hashes and compares passwords, off the event loop, a few at a time. */
export interface Passwords {
  /**
   * Runs `work` when its turn comes; `hash` and `matches` belong inside.
   * @throws UnavailableError when too many wait already, or it waited too long
   */
  takeTurn<Result>(work: () => Promise<Result>): Promise<Result>;
  hash(password: string): Promise<string>;
  /** Compares with a hash; without one it takes the same time and is false. */
  matches(password: string, hash: string | undefined): Promise<boolean>;
}

export function createPasswords(clock: Clock): Passwords {
  const waiting: (() => void)[] = [];
  let running = 0;
  // The same letters can be typed composed or decomposed, depending on the keyboard and the system.
  const hash = (password: string) => Bun.password.hash(password.normalize("NFC"), ARGON2ID);
  const dummyHash = hash(crypto.randomUUID());

  function turn(): Promise<void> {
    if (running < AT_ONCE) {
      running += 1;
      return Promise.resolve();
    }
    if (waiting.length >= MAX_WAITING) throw new UnavailableError("too many passwords wait to be hashed");
    return new Promise((resolve) => waiting.push(resolve));
  }

  /** The place goes to whoever waits longest, or becomes free. */
  function passOn(): void {
    const next = waiting.shift();
    if (next === undefined) running -= 1;
    else next();
  }

  return {
    async takeTurn(work) {
      const sinceMs = clock.elapsed();
      await turn();
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
