import { join } from "node:path";
import type { DriverReply, Outcome, Plan } from "./plan.ts";

export interface Driven {
  /** In the order of the plan's requests. */
  readonly outcomes: readonly Outcome[];
  /** What the driver used of a core, from 0 to 1. */
  readonly cores: number;
}

/** The load driver, as a process of its own, so that its CPU is told apart from the benchmark's and no measuring delays a call. */
export interface Driver {
  /** @throws Error with the answer when a call is refused for good */
  run(plan: Plan): Promise<Driven>;
  stop(): Promise<void>;
}

export function startDriver(): Driver {
  let answered: PromiseWithResolvers<DriverReply> | undefined;
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "main.ts")], {
    stdio: ["ignore", "inherit", "inherit"],
    ipc: (reply: DriverReply) => answered?.resolve(reply),
    onExit: (_, code) => answered?.reject(new Error(`the driver ended with code ${code}`)),
  });
  return {
    async run(plan) {
      answered = Promise.withResolvers();
      child.send(plan);
      const reply = await answered.promise;
      answered = undefined;
      if ("failure" in reply) throw new Error(`driver: ${reply.failure}`);
      return { outcomes: reply.outcomes, cores: reply.cpuMs / reply.wallMs };
    },
    async stop() {
      child.disconnect();
      await child.exited;
    },
  };
}
