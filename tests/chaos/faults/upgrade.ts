import { EVERYTHING, type Fault, type Turn } from "../fault.ts";
import { participants } from "@shop/contracts/services";
import type { Stage } from "../../harness/stage/stage.ts";

/** Starts replicas again under another release, one after the other. */
async function roll(
  stage: Stage,
  turn: Turn,
  services: readonly string[],
  release: string,
  folder: string | undefined,
) {
  turn.did(`${services.join(", ")} to ${release}`);
  for (const replica of services.flatMap((name) => stage.replicasOf(name as "order")))
    await stage.system.supervisor.restart(replica, folder);
  await turn.wait(CALM_MS);
}

/** Sagas begin under a release, before the next one comes. */
const CALM_MS = 2_000;

export const rollingUpgrade: Fault = {
  number: 18,
  name: "rolling upgrade and back",
  full: { forMs: 120_000, effects: 4 },
  what: "replica by replica to a release that knows a new step and new messages, to one whose sagas go that step and which sends a second version of a message, back, and forward again",
  rules: EVERYTHING,
  needs: { releases: true },
  mixes: false,
  onMs: 120_000,
  async strike(stage, turn) {
    const { next, afterNext } = stage.releases;
    await roll(stage, turn, participants, "the next release", next);
    await roll(stage, turn, ["product", "orchestrator"], "the release after it", afterNext);
    await roll(stage, turn, ["orchestrator", "product"], "the next release, back", next);
    await roll(stage, turn, ["product", "orchestrator"], "the release after it, again", afterNext);
  },
};
