import type { Clock } from "@shop/runtime/clock";
import { ExplainedError } from "@shop/runtime/errors";
import type { Logger } from "@shop/runtime/logger";
import { CONFIGURED, type Metrics } from "@shop/runtime/metrics";
import { type Address, createAddress, type Target } from "./address.ts";
import { failureKindOf } from "./failure-kind.ts";
import { createResolver, type Lookup } from "./resolver.ts";

/** Sends a request to a target once, and rejects when `signal` is aborted. */
export type Attempt = (target: Target, signal: AbortSignal) => Promise<Response>;

export interface Sending {
  /** Whether the request may be carried out twice: it is then also repeated when its connection was lost after it was sent. */
  readonly repeatable: boolean;
  /** Ends it all, the body of the answer included. */
  readonly signal: AbortSignal;
}

/** All the processes that answer for an upstream, whatever becomes of each. */
export interface UpstreamPool {
  /** For the metrics and the log. */
  readonly name: string;
  /**
   * Makes the attempt on one address, and on another when the first is no use: always when nothing was sent, and otherwise only
   * what may be repeated.
   * @throws what the last attempt threw
   */
  send(attempt: Attempt, sending: Sending): Promise<Response>;
}

interface UpstreamPoolOptions {
  readonly name: string;
  /** Base addresses without a slash at the end, at least one. */
  readonly urls: readonly string[];
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly lookup?: Lookup;
}

/** Containers come and go: their names are looked up this often while there are calls. */
const LOOK_UP_EVERY_MS = 1_000;
/** Addresses older than this are not used before they have been looked up again, unless that takes longer than the next number. */
const ADDRESSES_GOOD_FOR_MS = 5_000;
const WAIT_FOR_LOOK_UP_MS = 300;
/** When every address was tried: the pauses before all of them, looked up again, are tried once more. Then it is given up. */
const PAUSES_MS = [50, 100, 200];
/** A request that has had no answer for so long from an address that answered nobody else either: the address is probed. */
const SILENT_AFTER_MS = 400;
/** A request that ends processes must not end all of them. */
const MAX_REPEATS_OF_LOST = 2;
/** Where several addresses are silent it is mostly for want of time, which further attempts would take from those that are under way. */
const MAX_REPEATS_OF_SILENT = 1;
/** How long ago an address must have answered for a request that must not be repeated; less than a process that stops goes on answering. */
const KNOWN_TO_LIVE_FOR_MS = 300;
/** A 503 that took longer than this leaves no time for another. */
const REPEAT_503_WITHIN_MS = 500;
/** Repeats of 503 answers: one for each ten requests, and a store of at most so many, so that an outage is not answered with twice the load. */
const [REPEATS_PER_REQUEST, MAX_STORED_REPEATS] = [0.1, 100];

export function createUpstreamPool({ name, urls, clock, logger, metrics, lookup }: UpstreamPoolOptions): UpstreamPool {
  const resolver = createResolver({ name, urls, clock, logger, ...(lookup && { lookup }) });
  let addresses: readonly Address[] = [];
  let addressesUsed: readonly unknown[] | undefined;
  let storedRepeats = MAX_STORED_REPEATS;
  let turn = 0;

  const repeats = metrics.counter({
    name: "http_upstream_repeats_total",
    help: "Calls that were sent to an upstream once more",
    labels: { upstream: CONFIGURED, reason: ["refused", "lost", "silent", "unavailable"] },
  });
  const addressesGauge = {
    name: "http_upstream_addresses",
    help: "Addresses of upstreams, by whether they get calls now",
    labels: { upstream: CONFIGURED, state: ["in", "out"] },
  } as const;
  metrics.gauge(addressesGauge, () => {
    const out = addresses.filter(({ isOut }) => isOut).length;
    return [
      { labels: { upstream: name, state: "in" }, value: addresses.length - out },
      { labels: { upstream: name, state: "out" }, value: out },
    ];
  });

  /** Keeps what is known of addresses that are still there. */
  function adopt(): void {
    const found = resolver.current();
    if (found === addressesUsed) return;
    addressesUsed = found;
    const before = addresses;
    addresses = found.map(
      (resolved) =>
        before.find(({ url, host }) => url === resolved.url && host === resolved.host) ??
        createAddress({ upstream: name, resolved, clock, logger, metrics, onProbation: found.length > 1 }),
    );
    const gone = before.filter((address) => !addresses.includes(address));
    for (const address of gone) address.leave();
    if (gone.length > 0 || addresses.length > before.length) {
      logger.info("UPSTREAM_ADDRESSES", "upstream addresses changed", {
        upstream: name,
        addresses: addresses.map(({ url }) => url),
      });
    }
  }

  /** @returns undefined when there is nothing to wait for */
  function lookedUp(signal: AbortSignal): Promise<void> | undefined {
    const ageMs = resolver.ageMs();
    if (ageMs < LOOK_UP_EVERY_MS) {
      adopt();
      return undefined;
    }
    const refreshed = resolver.refresh();
    if (ageMs < ADDRESSES_GOOD_FOR_MS) return undefined;
    return lookUpAgain(refreshed, signal);
  }

  async function lookUpAgain(refreshed: Promise<void>, signal: AbortSignal): Promise<void> {
    const done = new AbortController();
    const leave = () => done.abort();
    signal.addEventListener("abort", leave, { once: true });
    void refreshed.then(leave);
    await clock.sleep(WAIT_FOR_LOOK_UP_MS, done.signal);
    signal.removeEventListener("abort", leave);
    adopt();
  }

  /** Among those that are in, the one with the fewest calls under way; they take turns when there are several. */
  function leastBusy(tried: ReadonlySet<Address>): Address | undefined {
    turn += 1;
    let best: Address | undefined;
    let bestScore = Number.POSITIVE_INFINITY;
    for (let index = 0; index < addresses.length; index += 1) {
      const address = addresses[(turn + index) % addresses.length] as Address;
      if (tried.has(address)) continue;
      address.probeWhenDue();
      // One that is out is better than none.
      const score = address.inFlight + (address.isOut ? 1e9 : 0);
      if (score < bestScore) [best, bestScore] = [address, score];
    }
    return best;
  }

  const isKnownToLive = (address: Address) =>
    !address.isOut && clock.elapsed() - address.answeredRequestOfMs < KNOWN_TO_LIVE_FOR_MS;

  /** For a request that must not be repeated: an address that answers, if there is one. */
  async function leastBusyAlive(tried: ReadonlySet<Address>): Promise<Address | undefined> {
    const candidate = leastBusy(tried);
    if (candidate === undefined || isKnownToLive(candidate)) return candidate;
    const others = addresses.filter((address) => !tried.has(address));
    return (await firstAlive(others)) ?? candidate;
  }

  function firstAlive(among: readonly Address[]): Promise<Address | undefined> {
    return Promise.any(
      among.map(async (address) => {
        if (isKnownToLive(address) || (await address.probe())) return address;
        throw new ExplainedError("no answer");
      }),
    ).catch(() => undefined);
  }

  /**
   * One attempt. When the address says nothing to anybody and does not answer a probe either, while another one does,
   * the attempt is ended as `silent` if it may be made again; otherwise its answer is waited for all the same.
   */
  async function attemptWatched(
    address: Address,
    attempt: Attempt,
    { signal }: Sending,
    mayEndAsSilent: boolean,
  ): Promise<Response> {
    const attemptEnd = new AbortController();
    const leave = () => attemptEnd.abort();
    if (signal.aborted) leave();
    // It stays when the attempt is over: the body of the answer may still be on its way.
    else signal.addEventListener("abort", leave, { once: true });
    let quietSinceMs = clock.elapsed();
    let isSilent = false;
    let timer: Timer | undefined;
    const look = async () => {
      const isAlive = address.answeredRequestOfMs >= quietSinceMs || (await address.probe());
      if (timer === undefined) return;
      if (isAlive) quietSinceMs = clock.elapsed();
      else {
        address.takeOut("silent");
        if (!mayEndAsSilent) return;
        const other = await firstAlive(addresses.filter((one) => one !== address));
        if (timer === undefined) return;
        if (other !== undefined) {
          isSilent = true;
          leave();
          return;
        }
      }
      watch();
    };
    const watch = () => {
      timer = setTimeout(() => void look(), SILENT_AFTER_MS);
    };
    watch();
    address.inFlight += 1;
    try {
      return await attempt(address, attemptEnd.signal);
    } catch (error) {
      throw isSilent && !signal.aborted ? new SilentError("says nothing", { cause: error }) : error;
    } finally {
      address.inFlight -= 1;
      clearTimeout(timer);
      timer = undefined;
    }
  }

  /** One attempt on the only address: there is none to go to instead, so only the caller's own signal ends it. */
  async function attemptUnwatched(address: Address, attempt: Attempt, signal: AbortSignal): Promise<Response> {
    address.inFlight += 1;
    try {
      return await attempt(address, signal);
    } finally {
      address.inFlight -= 1;
    }
  }

  /** Takes note of a failed attempt. @returns why it may be made elsewhere, or undefined when it may not */
  function reasonToRepeat(address: Address, error: unknown, { repeatable, signal }: Sending): string | undefined {
    if (signal.aborted) return undefined;
    if (error instanceof SilentError) return "silent";
    const kind = failureKindOf(error);
    if (kind === "other") return undefined;
    if (addresses.length > 1) address.takeOut(kind);
    return kind === "refused" || repeatable ? kind : undefined;
  }

  function mayRepeat503(
    address: Address,
    response: Response,
    startedAtMs: number,
    tried: ReadonlySet<Address>,
    repeatable: boolean,
  ): boolean {
    if (response.status !== 503 || !repeatable) return false;
    if (clock.elapsed() - startedAtMs > REPEAT_503_WITHIN_MS) return false;
    if (!addresses.some((other) => !other.isOut && !tried.has(other))) return false;
    // One that has said that it is not ready gets no more of them.
    if (address.isOut) return true;
    if (storedRepeats < 1) return false;
    storedRepeats -= 1;
    return true;
  }

  return {
    name,
    async send(attempt, sending) {
      const { repeatable, signal } = sending;
      const startedAtMs = clock.elapsed();
      storedRepeats = Math.min(MAX_STORED_REPEATS, storedRepeats + REPEATS_PER_REQUEST);
      const tried = new Set<Address>();
      let unavailable: Response | undefined;
      let failure: unknown;
      let [pauses, lost, silent] = [0, 0, 0];
      const waiting = lookedUp(signal);
      if (waiting !== undefined) await waiting;
      for (;;) {
        const address = repeatable || addresses.length === 1 ? leastBusy(tried) : await leastBusyAlive(tried);
        if (address === undefined) {
          if (unavailable !== undefined) return unavailable;
          const pauseMs = PAUSES_MS[pauses];
          if (pauseMs === undefined) throw failure;
          pauses += 1;
          const refreshed = resolver.refresh();
          await clock.sleep(pauseMs, signal);
          await lookUpAgain(refreshed, signal);
          if (signal.aborted) throw failure;
          tried.clear();
          continue;
        }
        tried.add(address);
        try {
          const mayEndAsSilent = repeatable && silent < MAX_REPEATS_OF_SILENT;
          const response = await (addresses.length === 1
            ? attemptUnwatched(address, attempt, signal)
            : attemptWatched(address, attempt, sending, mayEndAsSilent));
          if (!mayRepeat503(address, response, startedAtMs, tried, repeatable)) return response;
          unavailable = response;
          repeats.inc({ upstream: name, reason: "unavailable" });
        } catch (error) {
          const reason = reasonToRepeat(address, error, sending);
          if (reason === "lost") lost += 1;
          if (reason === "silent") silent += 1;
          if (reason === undefined || lost > MAX_REPEATS_OF_LOST) {
            if (unavailable !== undefined && !signal.aborted) return unavailable;
            throw error;
          }
          failure = error;
          repeats.inc({ upstream: name, reason });
        }
      }
    },
  };
}

/** The attempt was ended because its address answers nothing. */
class SilentError extends ExplainedError {
  override readonly name = "SilentError";
}
