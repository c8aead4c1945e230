import { freePort } from "@shop/local/free-port";
import { SetupError } from "@shop/local/setup-error";
import { EVERYTHING } from "../chaos/fault.ts";
import type { Run } from "../chaos/plan.ts";
import { createRecords } from "../chaos/records.ts";
import type { Result } from "../chaos/run.ts";
import { composedTrial } from "../support/composed-trial.ts";
import { composeProject, docker } from "../support/compose-project.ts";
import { injectRandomContainerFaults } from "./random-faults.ts";

/** Random faults in the containers of compose.yaml. */
export function onContainers(seed: number, forMs: number): Run {
  return { title: "containers", option: "--containers", rules: EVERYTHING, seed, forMs };
}

/** What the containers of a host with two cores can serve beside being started again and again. */
const HABITS = { ordersPerSecond: 8, inFlight: 24 };

/**
 * Composes a system of its own, lets clients use it while faults are injected into its containers, judges what is left when it is idle, and takes it
 * down again, with its volumes.
 * @throws SetupError when there is no Docker engine
 */
export async function runOnContainers(
  { seed, forMs }: Run,
  folder: string,
  note: (text: string) => void,
): Promise<Result> {
  await docker(["version"]).catch((cause: unknown) => {
    throw new SetupError("This needs a Docker engine, and `docker version` fails.", { cause });
  });
  const project = composeProject({ name: "order-delivery-chaos", port: await freePort() });
  const { journal, write, save } = createRecords();
  const deeds: string[] = [];
  try {
    note("building the image and starting the containers");
    await project.compose("build");
    await project.compose("up", "--wait", "--wait-timeout", "480");
    const did = (what: string) => {
      write(what);
      deeds.push(what);
    };
    const injectFaults = () => injectRandomContainerFaults(project, { seed, forMs, did });
    return { ...(await composedTrial(project, { injectFaults, seed, habits: HABITS, journal, note })), deeds };
  } finally {
    await save(folder, await project.compose("logs", "--no-color", "--timestamps"));
    await project.compose("down", "--volumes", "--timeout", "15");
  }
}
