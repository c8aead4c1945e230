import { EVERYTHING, type Fault, type Turn } from "../fault.ts";
import { participants } from "@shop/contracts/services";
import type { Stage } from "../../harness/stage/stage.ts";

/** Kills a replica, and starts it again after a while. */
export async function killOne({ system }: Stage, turn: Turn, replica: string): Promise<void> {
  turn.did(`kill -9 ${replica}`);
  await system.supervisor.kill(replica, "SIGKILL");
  await turn.wait(turn.random() * 1_000);
  await system.supervisor.restart(replica);
}

export const orchestratorKilled: Fault = {
  number: 1,
  name: "orchestrator killed",
  full: { forMs: 240_000, effects: 100 },
  what: "kill -9 of one of two orchestrators at random moments, again and again",
  rules: EVERYTHING,
  needs: {},
  mixes: true,
  async strike(stage, turn) {
    while (!turn.over.aborted) {
      await killOne(stage, turn, turn.pick(stage.replicasOf("orchestrator")));
      await turn.wait(turn.random() * 1_000);
    }
  },
};

/** How often it is Kafka that is frozen. */
const KAFKA_PART = 0.3;

export const frozen: Fault = {
  number: 4,
  name: "zombie",
  full: { forMs: 150_000, effects: 3 },
  what: "SIGSTOP of a participant for 40 s, longer than its session in the group, then SIGCONT; or of Kafka",
  rules: EVERYTHING,
  needs: {},
  mixes: false,
  onMs: 40_000,
  async strike(stage, turn) {
    if (turn.random() < KAFKA_PART) {
      turn.did("SIGSTOP Kafka");
      stage.kafka.freeze();
      await turn.wait(turn.onMs);
      stage.kafka.thaw();
      return;
    }
    const replica = turn.pick(participants.flatMap((name) => stage.replicasOf(name)));
    turn.did(`SIGSTOP ${replica}`);
    await stage.system.supervisor.kill(replica, "SIGSTOP");
    await turn.wait(turn.onMs);
    await stage.system.supervisor.kill(replica, "SIGCONT");
  },
};

export const rebalances: Fault = {
  number: 16,
  name: "rebalances",
  full: { forMs: 120_000, effects: 30 },
  what: "replicas of the participants leave (SIGTERM) and come back, one every 3 s",
  rules: EVERYTHING,
  needs: {},
  mixes: true,
  async strike(stage, turn) {
    while (!turn.over.aborted) {
      const replica = turn.pick(participants.flatMap((name) => stage.replicasOf(name)));
      turn.did(`${replica} leaves and comes back`);
      const next = turn.wait(3_000);
      await stage.system.supervisor.restart(replica);
      await next;
    }
  },
};

export const stopped: Fault = {
  number: 25,
  name: "orderly stops",
  full: { forMs: 90_000, effects: 14 },
  what: "SIGTERM under load, one replica after the other: the gateway knows all replicas, the frontends stand behind a load balancer on layer 4 that asks for readiness, and nobody may notice",
  rules: ["I2", "I6", "I7", "I8"],
  needs: { edgeReplicas: 2, healthChecks: true },
  mixes: false,
  answers: "no server errors",
  // Long enough for all of them, one after the other: a turn always begins with the same.
  onMs: 90_000,
  async strike(stage, turn) {
    const services = [...participants, "user", "gateway", "frontend"] as const;
    for (const replica of services.flatMap((name) => stage.replicasOf(name))) {
      if (turn.over.aborted) return;
      turn.did(`SIGTERM ${replica}`);
      await stage.system.supervisor.restart(replica);
    }
  },
};
