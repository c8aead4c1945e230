import type { Clock } from "@shop/runtime/clock";
import type { Logger } from "@shop/runtime/logger";
import type { Metrics } from "@shop/runtime/metrics";
import type { Asked, FaultInjector } from "../fault-injector.ts";
import type { Process } from "../process.ts";
import type { Scheduler } from "../scheduler.ts";
import type { Kafka } from "./kafka.ts";

/** What a process needs to have dealings with the simulated Kafka. */
export interface BrokerEnvironment {
  readonly process: Process;
  readonly kafka: Kafka;
  readonly scheduler: Scheduler;
  readonly injector: FaultInjector;
  readonly crash: (process: Process) => Promise<void>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Records that one call of a handler takes at most; the product's own limit when undefined. */
  readonly maxBatch?: number | undefined;
}

/** A request that the broker did not answer is given up after so long. */
const REQUEST_TIMEOUT_MS = 2_000;

/** Has something done by the broker, at some time, and hears what became of it at some later time, or of something else. */
export function ask<Result>(
  { process, kafka, scheduler, injector, crash }: Omit<BrokerEnvironment, "clock" | "logger" | "metrics" | "maxBatch">,
  asked: Asked | undefined,
  label: string,
  perform: (fate: "whole" | "unanswered") => Result,
): Promise<Result> {
  return new Promise((resolve, reject) => {
    const answer = (ms: number, tell: () => void) => void scheduler.after(ms, process, "", tell);
    const failed = (ms: number) => answer(ms, () => reject(new Error("the broker did not answer")));
    scheduler.after(injector.latencyMs(), process, label, () => {
      const fate = asked === undefined ? "nothing" : injector.fateOf(process, asked);
      if (fate === "crash before") return crash(process);
      if (kafka.isAway || fate === "refused") return failed(kafka.isAway ? REQUEST_TIMEOUT_MS : injector.latencyMs());
      let result: Result;
      try {
        result = perform(fate === "unanswered" ? "unanswered" : "whole");
      } catch (error) {
        return answer(injector.latencyMs(), () => reject(error));
      }
      if (fate === "crash after") return crash(process);
      if (fate === "unanswered") {
        scheduler.note(`${process.name}: … done, and not answered`);
        return failed(REQUEST_TIMEOUT_MS);
      }
      return answer(scheduler.chance(0.5) ? 0 : injector.latencyMs(), () => resolve(result));
    });
  });
}
