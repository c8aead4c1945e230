import type { Clock } from "@shop/runtime/clock";
import { type EventLoopLag, watchEventLoopLag } from "@shop/runtime/event-loop-lag";
import type { Logger } from "@shop/runtime/logger";
import type { Metrics } from "@shop/runtime/metrics";
import { problem, type ProblemAnswer } from "../request/answer.ts";

/** How many calls wait for their answers at once in a process that passes calls on; what comes beyond them is to be refused at once. */
export interface Admission {
  /** How many may wait now. */
  readonly limit: number;
  hasRoom(): boolean;
  /** A call begins to wait. @returns what is to be called once when it has been answered, or has not */
  enter(): () => void;
}

interface AdmissionOptions {
  readonly clock: Pick<Clock, "elapsed">;
  /** The limit while calls are answered quickly. */
  readonly most: number;
  /** How late this process is: calls that it looks at now have waited as long, unseen. */
  readonly eventLoopLag: Pick<EventLoopLag, "nowMs">;
}

/** An answer that took longer is none that shows that there is time left; a caller is promised one within 2 s. */
const QUICK_MS = 500;
/** Without a quick answer for so long the limit is cut, and again each time it has passed. */
const CUT_EVERY_MS = 500;
const CUT_TO = 0.7;
/** As many keep what is behind busy, also when each of them takes long for want of CPU. */
const LEAST = 256;
/** A process that is later than this takes no calls beyond a few until it has caught up: what is left of their time would not do. */
const [LATE_MS, FEW] = [500, 64];
/** In a flood one that is later than this takes none: hardly anything is left of the 2 s within which callers are promised an answer. */
const TOO_LATE_MS = 1_400;
/** Answers that were quick, for each further place. */
const QUICK_PER_PLACE = 4;
/** A flood counts for so long after it was last noticed. */
const FORGET_AFTER_MS = 5_000;

/**
 * Builds a limit that adapts to how long calls wait: when not even the quickest of them is answered in good time, more are under way than can be
 * answered, and a part of them would be given up after all the work for them was done. The quickest counts, as in CoDel (RFC 8289), so that one
 * service that is slow or away costs the callers of the others nothing. The limit falls by a factor and rises by steps, as TCP's window does (RFC 5681).
 */
export function createAdmission({ clock, most, eventLoopLag }: AdmissionOptions): Admission {
  const least = Math.min(LEAST, most);
  let limit = most;
  let waiting = 0;
  /** When an answer was quick or the limit was cut, whichever came later; the time since in which nobody waited does not count. */
  let goodAtMs = clock.elapsed();
  let idleSinceMs = goodAtMs;
  /** When the limit was last in somebody's way, or was cut. */
  let floodAtMs = Number.NEGATIVE_INFINITY;

  function adapt(nowMs: number): void {
    if (waiting >= limit) floodAtMs = nowMs;
    if (waiting > 0 && nowMs - goodAtMs > QUICK_MS + CUT_EVERY_MS) {
      limit = Math.max(least, Math.floor(Math.min(limit, waiting) * CUT_TO));
      goodAtMs = nowMs - QUICK_MS;
      floodAtMs = nowMs;
    } else if (!isFlood(nowMs)) limit = most;
  }

  const isFlood = (nowMs: number) => nowMs - floodAtMs <= FORGET_AFTER_MS;

  /** How many may wait in a process that is as late as this one is. */
  function mostWhileLate(nowMs: number): number {
    const lateMs = eventLoopLag.nowMs();
    if (lateMs < LATE_MS) return most;
    return lateMs > TOO_LATE_MS && isFlood(nowMs) ? 0 : FEW;
  }

  return {
    get limit() {
      return Math.floor(limit);
    },
    hasRoom() {
      const nowMs = clock.elapsed();
      adapt(nowMs);
      return waiting < Math.min(limit, mostWhileLate(nowMs));
    },
    enter() {
      const startedAtMs = clock.elapsed();
      if (waiting === 0) goodAtMs += startedAtMs - idleSinceMs;
      waiting += 1;
      return () => {
        waiting -= 1;
        const nowMs = clock.elapsed();
        idleSinceMs = nowMs;
        if (nowMs - startedAtMs > QUICK_MS) return;
        goodAtMs = nowMs;
        limit = Math.min(most, limit + 1 / QUICK_PER_PLACE);
      };
    },
  };
}

/** The admission of a process: every route of it that leads to work of an upstream asks here first. */
export interface AdmissionControl {
  hasRoom(): boolean;
  /** Counts and logs a call that there is no room for. @returns its 503 */
  refuse(): ProblemAnswer;
  /** A call begins to wait. @returns what is to be called once when it has been answered, or has not */
  enter(): () => void;
  /** How late this process is, in milliseconds. */
  eventLoopLagMs(): number;
}

interface AdmissionControlOptions {
  readonly clock: Pick<Clock, "elapsed">;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** How many calls wait for their answers at once while those are quick. */
  readonly maxWaiting: number;
  /** Of this process, by default. */
  readonly eventLoopLag?: Pick<EventLoopLag, "nowMs"> | undefined;
}

/** Under a flood there are thousands of refusals a second, and one line says it. */
const SAY_BUSY_EVERY_MS = 10_000;

const tooBusy = problem("UNAVAILABLE", "There are more calls than can be answered now. Try again.", {
  retryAfterSeconds: 1,
});

/** Builds the admission that all routes of a process share. */
export function createAdmissionControl(options: AdmissionControlOptions): AdmissionControl {
  const { clock, logger, metrics, maxWaiting, eventLoopLag = watchEventLoopLag() } = options;
  const admission = createAdmission({ clock, most: maxWaiting, eventLoopLag });
  const refused = metrics.counter({
    name: "http_refused_as_busy_total",
    help: "Calls that were refused with 503 since too many wait already",
  });
  let saidBusyAtMs = Number.NEGATIVE_INFINITY;
  return {
    hasRoom: () => admission.hasRoom(),
    refuse() {
      refused.inc({});
      if (clock.elapsed() - saidBusyAtMs > SAY_BUSY_EVERY_MS) {
        saidBusyAtMs = clock.elapsed();
        const { limit } = admission;
        logger.warn("CALLS_SHED", "overloaded: calls beyond the limit are refused with 503", { limit });
      }
      return tooBusy;
    },
    enter: () => admission.enter(),
    eventLoopLagMs: () => eventLoopLag.nowMs(),
  };
}
