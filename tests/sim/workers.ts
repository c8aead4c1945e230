import type { Rule } from "../harness/rules/rules.ts";
import { testPostgresUrl } from "@shop/testing/infrastructure";
import { join } from "node:path";

/** What a worker is asked to play. */
export interface Asked {
  readonly seed: number;
  readonly faults: readonly string[] | undefined;
}

/** What it tells of a seed. */
export interface Told {
  readonly seed: number;
  /** The rules that it was judged by. */
  readonly judged: readonly Rule[];
  /** What broke a rule, for a loadClient; undefined when every rule held. */
  readonly broken: readonly string[] | undefined;
}

export interface WorkersOptions {
  /** The first seed, … */
  readonly from: number;
  /** … and how many, one after the other. */
  readonly seeds: number;
  /** No further seed is begun after so long, in real milliseconds. */
  readonly forMs: number;
  readonly workers: number;
  readonly faults: readonly string[] | undefined;
  /** Told of each seed as soon as it has been played. */
  readonly hear: (told: Told) => void;
}

/**
 * Plays seeds in several processes, each with databases of its own on one server: within a seed one thing happens at a time.
 * @throws Error when a worker ends by itself
 */
export async function playOnWorkers({ from, seeds, forMs, workers, faults, hear }: WorkersOptions): Promise<void> {
  const startedAt = performance.now();
  const environment = { ...process.env, TEST_POSTGRES_URL: await testPostgresUrl() };
  let next = from;

  const mayGoOn = () => next < from + seeds && performance.now() - startedAt < forMs;

  function work(): Promise<void> {
    if (!mayGoOn()) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const ask = () => worker.send({ seed: (next += 1) - 1, faults } satisfies Asked);
      const worker = Bun.spawn([process.execPath, join(import.meta.dir, "worker.ts")], {
        env: environment,
        stdout: "inherit",
        stderr: "inherit",
        ipc(told: Told) {
          hear(told);
          if (mayGoOn()) ask();
          else worker.disconnect();
        },
        onExit: (_worker, code, signal) =>
          code === 0 ? resolve() : reject(new Error(`a worker ended with ${code ?? signal}`)),
      });
      ask();
    });
  }

  await Promise.all(Array.from({ length: workers }, work));
}
