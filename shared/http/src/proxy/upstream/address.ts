import type { Clock } from "@shop/runtime/clock";
import type { Logger } from "@shop/runtime/logger";
import { CONFIGURED, type Metrics } from "@shop/runtime/metrics";
import type { ResolvedAddress } from "./resolver.ts";

/** Why an address gets no calls for a while; `unready`: it says so itself, because it starts, stops or lacks what it needs. */
export type OutReason = "refused" | "lost" | "silent" | "unready";

/** What a call is sent to. */
export interface Target {
  /** The base address, without a slash at the end. */
  readonly url: string;
  /** What goes into `Host`; undefined leaves what the URL says. */
  readonly host: string | undefined;
  /** `fetch` over the kept connections to this address, and over no proxy of the environment. */
  fetch(url: string, init: RequestInit): Promise<Response>;
}

/** One address of an upstream, and what is known of it. */
export interface Address extends Target {
  inFlight: number;
  readonly isOut: boolean;
  /** When the newest request that it has answered was sent, in the clock's elapsed milliseconds. At that time it was ready. */
  readonly answeredRequestOfMs: number;
  /** No further calls until it answers a probe; `lost` is probed at once. Its idle connections are closed. */
  takeOut(reason: OutReason): void;
  /** Starts a probe in the background when it is out and its time has come. */
  probeWhenDue(): void;
  /**
   * Asks for something small.
   * @returns whether any answer came in time, from a process that is ready
   */
  probe(): Promise<boolean>;
  /** It is an address of the upstream no more: its idle connections are closed. */
  leave(): void;
}

interface AddressOptions {
  readonly upstream: string;
  readonly resolved: ResolvedAddress;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Whether it is to answer a probe before it gets calls. */
  readonly onProbation: boolean;
}

/** A process that is well answers this call in a millisecond; one that has not by then is frozen, cut off, or of no use. */
const PROBE_TIMEOUT_MS = 300;
/** The pause before an address that is out is probed; it doubles with each probe that fails, up to the second of these. */
const [FIRST_PAUSE_MS, LONGEST_PAUSE_MS] = [250, 4_000];

/** Of a request whose body, or whose headers, are too large the rest is not read. That ends its connection, and says nothing about the process. */
const TOO_LARGE: readonly number[] = [413, 431];

interface Out {
  readonly reason: OutReason | "new";
  readonly pauseMs: number;
  readonly probeAtMs: number;
}

/** How often an address of an upstream has been taken out of use. */
const takenOutTotal = {
  name: "http_upstream_taken_out_total",
  help: "Times that an address of an upstream was taken out of use until it answers again",
  labels: { upstream: CONFIGURED, reason: ["refused", "lost", "silent", "unready"] },
} as const;

export function createAddress({ upstream, resolved, clock, logger, metrics, onProbation }: AddressOptions): Address {
  const takenOut = metrics.counter(takenOutTotal);
  const session = new Bun.FetchSession();
  const facts = { upstream, address: resolved.url };
  let out: Out | undefined = onProbation ? { reason: "new", pauseMs: 0, probeAtMs: 0 } : undefined;
  let answeredRequestOfMs = Number.NEGATIVE_INFINITY;
  let probing: Promise<boolean> | undefined;

  async function send(url: string, init: RequestInit): Promise<Response> {
    const sentAtMs = clock.elapsed();
    const response = await fetch(url, { ...init, session, proxy: false });
    if (response.headers.get("connection") === "close" && !TOO_LARGE.includes(response.status)) {
      address.takeOut("unready");
      return response;
    }
    if (sentAtMs > answeredRequestOfMs) answeredRequestOfMs = sentAtMs;
    if (out !== undefined) comeBack();
    return response;
  }

  function comeBack(): void {
    if (out?.reason !== "new") logger.info("UPSTREAM_ADDRESS_RESTORED", "an upstream address answers again", facts);
    out = undefined;
  }

  async function ask(): Promise<boolean> {
    const headers = resolved.host === undefined ? {} : { host: resolved.host };
    try {
      // Not there on the public port: it is answered by the first lines of the process, at the cost of nothing.
      const request = new Request(`${resolved.url}/livez`, { headers, signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) });
      const sentAtMs = clock.elapsed();
      const response = await fetch(request, { session, proxy: false, redirect: "manual" });
      await response.arrayBuffer();
      if (response.headers.get("connection") === "close") return false;
      answeredRequestOfMs = sentAtMs;
      return true;
    } catch (error) {
      logger.debug("UPSTREAM_PROBE_FAILED", "an upstream address did not answer a probe", { ...facts, error });
      return false;
    }
  }

  const address: Address = {
    ...resolved,
    inFlight: 0,
    fetch: send,
    get isOut() {
      return out !== undefined;
    },
    get answeredRequestOfMs() {
      return answeredRequestOfMs;
    },
    takeOut(reason) {
      session.close();
      if (out !== undefined) return;
      const pauseMs = reason === "lost" ? 0 : FIRST_PAUSE_MS;
      out = { reason, pauseMs, probeAtMs: clock.elapsed() + pauseMs };
      takenOut.inc({ upstream, reason });
      const log = reason === "unready" ? logger.info : logger.warn;
      log("UPSTREAM_ADDRESS_AVOIDED", "an upstream address is avoided until it answers again", { ...facts, reason });
      address.probeWhenDue();
    },
    probeWhenDue() {
      if (out === undefined || probing !== undefined || clock.elapsed() < out.probeAtMs) return;
      void address.probe();
    },
    probe() {
      probing ??= ask().then((answered) => {
        probing = undefined;
        if (out === undefined) return answered;
        if (answered) comeBack();
        else {
          const pauseMs = Math.min(LONGEST_PAUSE_MS, Math.max(FIRST_PAUSE_MS, out.pauseMs * 2));
          out = { ...out, pauseMs, probeAtMs: clock.elapsed() + pauseMs };
        }
        return answered;
      });
      return probing;
    },
    leave: () => session.close(),
  };
  return address;
}
