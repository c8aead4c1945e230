import { carryOut } from "./load.ts";
import type { DriverReply, Plan } from "./plan.ts";

/** The driver's process: it carries out one plan at a time for the process that started it, and ends with it. */
async function reply(plan: Plan): Promise<DriverReply> {
  const cpuBefore = process.cpuUsage();
  const startedAt = performance.now();
  try {
    const outcomes = await carryOut(plan);
    const { user, system } = process.cpuUsage(cpuBefore);
    return { outcomes, cpuMs: (user + system) / 1_000, wallMs: performance.now() - startedAt };
  } catch (error) {
    return { failure: error instanceof Error ? error.message : String(error) };
  }
}

process.on("message", (plan: Plan) => void reply(plan).then((answer) => process.send?.(answer)));
process.on("disconnect", () => process.exit(0));
