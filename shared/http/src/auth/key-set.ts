import { z } from "zod";
import type { Clock } from "@shop/runtime/clock";
import { ExplainedError } from "@shop/runtime/errors";
import type { Logger } from "@shop/runtime/logger";
import { UnavailableError } from "../request/errors.ts";
import type { KeySource } from "./key-source.ts";

/** The public keys that access tokens are signed with, kept fresh from where the user service shows them. */
export interface KeySet {
  /**
   * @returns undefined for a key id that is not in the set, also after asking again (at most once a second)
   * @throws UnavailableError when the set could never be fetched, for a second, or could not be just now: the key may be a new one
   */
  find(kid: string): Promise<CryptoKey | undefined>;
  /** Whether a key is in the set now, as far as is known here. */
  has(kid: string): boolean;
  /** Starts a fetch in the background when the keys are older than a minute: so long a withdrawn one is good at most. */
  refreshWhenOld(): void;
  /** Tries ten times a second until the keys are there. */
  fetchAhead(): Promise<void>;
}

interface KeySetOptions {
  readonly url: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly fetch: KeySource["fetch"];
  /** Told when a key has left the set: tokens signed with it are no longer good. */
  readonly onWithdrawn: () => void;
}

const REFRESH_AFTER_MS = 60_000;
const FETCH_AT_MOST_EVERY_MS = 1_000;
/** The same while there are no keys at all: a service that starts beside the user service is to know them as soon as they are shown. */
const FIRST_FETCH_EVERY_MS = 100;
/** How often a caller waits for the first keys at most: for a second in all. */
const WAITS_FOR_FIRST_KEYS = 10;
/** Services that start together wait for each other: until then a user service that does not answer yet is nothing to tell an operator of. */
const START_GRACE_MS = 30_000;
/** A caller waits for it, and is to have an answer within 2 s. */
const FETCH_TIMEOUT_MS = 1_200;

const Keys = z.object({ keys: z.array(z.looseObject({ kid: z.string().optional(), kty: z.string() })).max(100) });
const Ed25519Key = z.object({
  kid: z.string().min(1),
  kty: z.literal("OKP"),
  crv: z.literal("Ed25519"),
  x: z.string(),
  alg: z.enum(["EdDSA", "Ed25519"]).optional(),
  use: z.literal("sig").optional(),
});

export function createKeySet({ url, clock, logger, fetch, onWithdrawn }: KeySetOptions): KeySet {
  const startedAtMs = clock.elapsed();
  let keys: ReadonlyMap<string, CryptoKey> | undefined;
  let fetchedAtMs = Number.NEGATIVE_INFINITY;
  let triedAtMs = Number.NEGATIVE_INFINITY;
  let fetching: Promise<void> | undefined;
  let failed = false;

  async function fetchKeys(): Promise<void> {
    try {
      const response = await fetch(url, { signal: AbortSignal.timeout(FETCH_TIMEOUT_MS), redirect: "error" });
      if (!response.ok) throw new ExplainedError(`the key set answered ${response.status}`);
      const fresh = await importKeys(Keys.parse(await response.json()).keys);
      const withdrawn = [...(keys?.keys() ?? [])].some((kid) => !fresh.has(kid));
      keys = fresh;
      failed = false;
      fetchedAtMs = clock.elapsed();
      if (withdrawn) onWithdrawn();
    } catch (error) {
      failed = true;
      const isStarting = keys === undefined && clock.elapsed() - startedAtMs < START_GRACE_MS;
      logger[isStarting ? "debug" : "warn"](
        "TOKEN_KEYS_FETCH_FAILED",
        "the signing keys for access tokens could not be fetched; the last known ones stay, if there are any",
        { url, error },
      );
    }
  }

  /** At most one fetch at a time and one a second, or one in 100 ms for the first keys, however many callers ask. */
  function refresh(): Promise<void> {
    if (fetching !== undefined) return fetching;
    const everyMs = keys === undefined ? FIRST_FETCH_EVERY_MS : FETCH_AT_MOST_EVERY_MS;
    if (clock.elapsed() - triedAtMs < everyMs) return Promise.resolve();
    triedAtMs = clock.elapsed();
    fetching = fetchKeys().finally(() => {
      fetching = undefined;
    });
    return fetching;
  }

  /** Waits for the first keys, as long as a caller can wait: one whose fetch hangs has waited long enough. */
  async function untilFirstKeys(startedAt: number): Promise<void> {
    for (let waits = 0; keys === undefined && waits < WAITS_FOR_FIRST_KEYS; waits += 1) {
      if (clock.elapsed() - startedAt >= WAITS_FOR_FIRST_KEYS * FIRST_FETCH_EVERY_MS) return;
      await clock.sleep(FIRST_FETCH_EVERY_MS);
      await refresh();
    }
  }

  return {
    async find(kid) {
      const known = keys?.get(kid);
      if (known !== undefined) return known;
      const startedAt = clock.elapsed();
      await refresh();
      if (keys === undefined) await untilFirstKeys(startedAt);
      const found = keys?.get(kid);
      if (found === undefined && (failed || keys === undefined)) {
        throw new UnavailableError("the keys of access tokens cannot be fetched");
      }
      return found;
    },
    has: (kid) => keys?.has(kid) ?? false,
    refreshWhenOld() {
      if (clock.elapsed() - fetchedAtMs > REFRESH_AFTER_MS) void refresh();
    },
    async fetchAhead() {
      for (;;) {
        await refresh();
        if (keys !== undefined) return;
        await clock.sleep(FIRST_FETCH_EVERY_MS);
      }
    },
  };
}

/** A key of another kind is for others: it is left out, not a reason to do without the rest. */
async function importKeys(jwks: readonly unknown[]): Promise<Map<string, CryptoKey>> {
  const imported = new Map<string, CryptoKey>();
  for (const jwk of jwks) {
    const key = Ed25519Key.safeParse(jwk);
    if (!key.success) continue;
    const { kid, kty, crv, x } = key.data;
    imported.set(kid, await crypto.subtle.importKey("jwk", { kty, crv, x }, { name: "Ed25519" }, false, ["verify"]));
  }
  return imported;
}
