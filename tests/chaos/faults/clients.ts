import type { Replica } from "@shop/local/system";
import type { Fault, Turn } from "../fault.ts";
import { killOne } from "./processes.ts";
import { brokerKilled, postgresKilled } from "./servers.ts";
import { participants } from "@shop/contracts/services";

export const repeatedPosts: Fault = {
  number: 23,
  name: "every POST three times",
  full: { forMs: 60_000, effects: 8 },
  what: "each order is placed three times at once with the same key, while services, PostgreSQL and Kafka are killed",
  rules: ["I1", "I3", "I8"],
  needs: {},
  mixes: false,
  habits: { timesPlaced: 3 },
  async strike(stage, turn) {
    const faults = [
      () => killOne(stage, turn, turn.pick(participants.flatMap((name) => stage.replicasOf(name)))),
      () => postgresKilled.strike(stage, turn),
      () => brokerKilled.strike(stage, turn),
    ];
    await turn.pick(faults)();
  },
};

export const rush: Fault = {
  number: 19,
  name: "rush",
  full: { forMs: 60_000, effects: 1 },
  what: "1,000 orders at once for the last items; riders complete what customers cancel in the same moment",
  rules: ["I1", "I3", "I4", "I8"],
  needs: {},
  mixes: false,
  stocks: [300, 120],
  least: { placed: 1_000, completed: 200, cancelled: 100 },
  habits: {
    ordersPerSecond: Number.POSITIVE_INFINITY,
    inFlight: 1_000,
    orders: 1_000,
    cancelled: 0.1,
    completed: 0.1,
    raced: 0.6,
  },
  async strike(_stage, turn) {
    turn.did("1,000 orders at once");
    await turn.wait(turn.onMs);
  },
};

export const riders: Fault = {
  number: 24,
  name: "riders",
  full: { forMs: 60_000, effects: 4 },
  what: "riders complete twice, or what another has completed, and before the saga has seen the delivery (the orchestrators are frozen for 3 s)",
  rules: ["I1", "I2", "I3", "I4", "I5", "I8"],
  needs: {},
  mixes: true,
  habits: { completed: 0.7, completedAgain: 1, cancelled: 0.1, raced: 0.1 },
  async strike(stage, turn) {
    const { supervisor } = stage.system;
    const all = stage.replicasOf("orchestrator");
    turn.did("orchestrators frozen for 3 s");
    for (const name of all) await supervisor.kill(name, "SIGSTOP");
    await turn.wait(3_000);
    for (const name of all) await supervisor.kill(name, "SIGCONT");
  },
};

/** A process that holds on to what it cannot do would need more than this soon; in megabytes. */
const MEMORY_BOUND_MB = 400;
/** Orders at a time. */
const FLOOD = 3_000;
/** As long as an orchestrator of containers waits for a sign of life (`deploy/kubernetes/base/common/deployment.yaml`). */
const LIVELY_WITHIN_MS = 5_000;

export const flood: Fault = {
  number: 26,
  name: "flood",
  full: { forMs: 60_000, effects: 1 },
  what: `for 30 s 3,000 orders at a time, more than can be done: who is refused knows it soon and is told when to come again, every process says within ${LIVELY_WITHIN_MS / 1_000} s that it lives, none needs more than ${MEMORY_BOUND_MB} MB, and it recovers by itself`,
  rules: ["I1", "I2", "I3", "I4", "I5", "I6", "I8"],
  needs: {},
  mixes: false,
  onMs: 30_000,
  answers: "refused early",
  missing: () =>
    Number(process.env["BUN_CONFIG_MAX_HTTP_REQUESTS"]) >= FLOOD
      ? undefined
      : "Bun lets a program have 256 requests under way at a time; run it as `bun run chaos`",
  habits: {
    ...{ ordersPerSecond: Number.POSITIVE_INFINITY, inFlight: FLOOD },
    ...{ completed: 0.05, cancelled: 0.05, failed: 0, raced: 0 },
  },
  async strike(stage, turn) {
    const most = new Map<string, number>();
    const replicas = Object.values(stage.system.services).flatMap((service) => service.replicas);
    const lively = Promise.all(replicas.map((replica) => slowestSignOfLife(replica, turn)));
    while (!turn.over.aborted) {
      for (const [name, pid] of stage.system.supervisor.pids()) {
        const megabytes = await residentMegabytes(pid);
        const service = name.replace(/-\d+$/, "");
        most.set(service, Math.max(most.get(service) ?? 0, megabytes));
        if (megabytes > MEMORY_BOUND_MB) turn.broke(`${name} needed ${megabytes} MB`);
      }
      await turn.wait(500);
    }
    const slowestMs = Math.max(...(await lively));
    const memory = [...most].map(([name, megabytes]) => `${name} ${megabytes} MB`).join(", ");
    turn.did(`3,000 at a time; signs of life within ${slowestMs} ms; memory ${memory}`);
  },
};

/** Asks a process twice a second, until the turn is over. @returns how long the slowest answer took, in milliseconds */
async function slowestSignOfLife({ name, managementUrl }: Replica, turn: Turn): Promise<number> {
  let slowestMs = 0;
  while (!turn.over.aborted) {
    const askedAt = performance.now();
    const signal = AbortSignal.timeout(LIVELY_WITHIN_MS);
    const lives = await fetch(`${managementUrl}/livez`, { signal }).then(
      ({ ok }) => ok,
      () => false,
    );
    if (!lives) turn.broke(`${name} did not say within ${LIVELY_WITHIN_MS} ms that it lives`);
    slowestMs = Math.max(slowestMs, Math.round(performance.now() - askedAt));
    await turn.wait(500);
  }
  return slowestMs;
}

async function residentMegabytes(pid: number): Promise<number> {
  const { stdout } = await Bun.$`ps -o rss= -p ${pid}`.quiet().nothrow();
  return Math.round(Number(stdout.toString()) / 1_024);
}
