import { type ComposeProject, docker } from "../support/compose-project.ts";

/** Longer than a member of a consumer group, or a relay, may be silent. */
const PAUSED_MS = 15_000;
const CUT_OFF_MS = 10_000;
const KAFKA_AWAY_MS = 3_000;
const BETWEEN_MS = 2_000;

/**
 * What an unkind neighbour does to containers, one thing after another. What is killed through the engine stays down, whatever its restart policy:
 * who killed it starts it again.
 */
export async function injectContainerFaults(project: ComposeProject): Promise<void> {
  const killAndStart = async (service: string, downMs = 0) => {
    await docker(["kill", project.nameOf(service)]);
    await Bun.sleep(downMs);
    await docker(["start", project.nameOf(service)]);
    await Bun.sleep(BETWEEN_MS);
  };
  for (const service of ["orchestrator", "product", "delivery", "order", "user", "gateway", "frontend"])
    await killAndStart(service);

  await docker(["pause", project.nameOf("product")]);
  await Bun.sleep(PAUSED_MS);
  await docker(["unpause", project.nameOf("product")]);

  const network = project.networkOf("order-db");
  await docker(["network", "disconnect", network, project.nameOf("order")]);
  await Bun.sleep(CUT_OFF_MS);
  await docker(["network", "connect", "--alias", "order", network, project.nameOf("order")]);
  await Bun.sleep(BETWEEN_MS);

  await killAndStart("order-db");
  await killAndStart("orchestrator-db");
  await killAndStart("kafka", KAFKA_AWAY_MS);

  const scaled = (order: number, orchestrator: number) => [
    ...["up", "--detach", "--wait", "--no-recreate"],
    ...["--scale", `order=${order}`, "--scale", `orchestrator=${orchestrator}`],
  ];
  await project.compose(...scaled(3, 2));
  await Bun.sleep(BETWEEN_MS);
  await docker(["kill", project.nameOf("order", 2)]);
  await project.compose(...scaled(1, 1));
}
