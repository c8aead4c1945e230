import type { Metrics } from "@shop/runtime/metrics";
import { problem, type ProblemAnswer } from "../request/answer.ts";

/** How many event streams may be open at once. Each process counts those that go through itself. */
export interface StreamLimits {
  /** In this process, so that what it promises to hold fits its memory. */
  readonly perProcess: number;
  /** Of one user. */
  readonly perUser: number;
  /** Of one user for the same thing, such as an order. */
  readonly perThing: number;
}

/** What a process of 256 MB holds beside its work, see docs/performance.md; and what the contract grants a user. */
export const defaultStreamLimits: StreamLimits = { perProcess: 2_000, perUser: 20, perThing: 5 };

/** Whose a stream is, and what it tells of. */
export interface StreamOwner {
  readonly userId: string;
  readonly thing: string;
}

export interface StreamPermit {
  readonly kind: "permit";
  /** To be called when the stream has ended or was not opened; further calls are of no effect. */
  release(): void;
}

/** The event streams that a process has open, or is about to open. */
export interface StreamPermits {
  /**
   * Why one more stream cannot be opened; undefined when it can be.
   * @param owner undefined where a process does not know who calls: then only the limit of the process counts
   */
  refusalOf(owner: StreamOwner | undefined): ProblemAnswer | undefined;
  /** A permit for one more stream, or why there is none. */
  acquire(owner: StreamOwner | undefined): StreamPermit | ProblemAnswer;
}

interface StreamPermitsOptions {
  readonly limits: StreamLimits;
  readonly metrics: Metrics;
}

/** A stream ends when its reader leaves, so a permit can become free at any time. */
const [RETRY_USER_AFTER_S, RETRY_PROCESS_AFTER_S] = [5, 1];

/** Builds the stream permits of a process. */
export function createStreamPermits({ limits, metrics }: StreamPermitsOptions): StreamPermits {
  const { perProcess, perUser, perThing } = limits;
  const open = new Map<string, number>();
  let total = 0;
  metrics.gauge({ name: "event_streams", help: "Event streams that are open" }, () => total);
  const refused = metrics.counter({
    name: "event_streams_refused_total",
    help: "Event streams that were refused, by the limit that was reached",
    labels: { limit: ["process", "user", "thing"] },
  });

  const countOf = (key: string) => open.get(key) ?? 0;
  function add(key: string, change: 1 | -1): void {
    const count = countOf(key) + change;
    if (count === 0) open.delete(key);
    else open.set(key, count);
  }
  const keysOf = (owner: StreamOwner | undefined) =>
    owner === undefined ? [] : [owner.userId, `${owner.userId} ${owner.thing}`];

  function refusalOf(owner: StreamOwner | undefined): ProblemAnswer | undefined {
    const [userKey = "", thingKey = ""] = keysOf(owner);
    if (countOf(thingKey) >= perThing) {
      refused.inc({ limit: "thing" });
      return tooMany(`You have ${perThing} event streams of this open already. Close one, or share one.`);
    }
    if (countOf(userKey) >= perUser) {
      refused.inc({ limit: "user" });
      return tooMany(`You have ${perUser} event streams open already. Close one.`);
    }
    if (total < perProcess) return undefined;
    refused.inc({ limit: "process" });
    return problem("UNAVAILABLE", "As many event streams are open here as can be. Try again.", {
      retryAfterSeconds: RETRY_PROCESS_AFTER_S,
    });
  }

  return {
    refusalOf,
    acquire(owner) {
      const refusal = refusalOf(owner);
      if (refusal !== undefined) return refusal;
      const keys = keysOf(owner);
      total += 1;
      for (const key of keys) add(key, 1);
      let isLeft = false;
      return {
        kind: "permit",
        release() {
          if (isLeft) return;
          isLeft = true;
          total -= 1;
          for (const key of keys) add(key, -1);
        },
      };
    },
  };
}

const tooMany = (detail: string) => problem("TOO_MANY_STREAMS", detail, { retryAfterSeconds: RETRY_USER_AFTER_S });
