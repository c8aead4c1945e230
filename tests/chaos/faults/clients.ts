import type { Fault } from "../fault.ts";
import { killOne } from "./processes.ts";
import { brokerKilled, postgresKilled } from "./servers.ts";
import { participants } from "../stage/stage.ts";

export const repeatedPosts: Fault = {
  number: 23,
  name: "every POST three times",
  what: "each order is placed three times at once with the same key, while services, PostgreSQL and Kafka are killed",
  rules: ["I1", "I3", "I8"],
  needs: {},
  mixes: false,
  habits: { timesPlaced: 3 },
  async strike(stage, turn) {
    const harms = [
      () => killOne(stage, turn, turn.pick(participants.flatMap((name) => stage.replicasOf(name)))),
      () => postgresKilled.strike(stage, turn),
      () => brokerKilled.strike(stage, turn),
    ];
    await turn.pick(harms)();
  },
};

export const rush: Fault = {
  number: 19,
  name: "rush",
  what: "1,000 orders at once for the last items; riders complete what customers cancel in the same moment",
  rules: ["I1", "I3", "I4", "I8"],
  needs: {},
  mixes: false,
  stocks: [300, 120],
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
