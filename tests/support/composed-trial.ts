import { keepLedger } from "../harness/stage/ledger.ts";
import { participants } from "@shop/contracts/services";
import { trial, type TrialOptions, type Verdict } from "../chaos/trial.ts";
import { depthsOf } from "./composed-depths.ts";
import type { ComposeProject } from "./compose-project.ts";

/** A trial of a composed system that has just come up. */
export async function composedTrial(
  project: ComposeProject,
  options: Omit<TrialOptions, "url" | "depths">,
): Promise<Verdict> {
  const before = await depthsOf(project);
  for (const name of participants) await keepLedger(name, before.superuserUrl(name));
  return trial({ url: project.url, depths: () => depthsOf(project), ...options });
}
