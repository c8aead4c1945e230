import type { Replica } from "@shop/local/system";

/** Which replicas of a service want new connections, as a load balancer knows it. */
export interface Health {
  ready(): readonly Replica[];
  stop(): Promise<void>;
}

/** Twice within the time for which a process that stops still takes connections. */
const CHECK_EVERY_MS = 100;
const ANSWER_WITHIN_MS = 1_000;

/** @param checks whether replicas are asked; all count as ready otherwise, and when none of them is */
export function watchHealth(replicas: readonly Replica[], checks: boolean): Health {
  const unready = new Set<Replica>();
  let stopped = false;

  async function check(replica: Replica): Promise<void> {
    while (!stopped) {
      if (await isReady(replica)) unready.delete(replica);
      else unready.add(replica);
      await Bun.sleep(CHECK_EVERY_MS);
    }
  }

  const checking = checks ? replicas.map(check) : [];
  return {
    ready() {
      const ready = replicas.filter((replica) => !unready.has(replica));
      return ready.length === 0 ? replicas : ready;
    },
    async stop() {
      stopped = true;
      await Promise.all(checking);
    },
  };
}

async function isReady({ managementUrl }: Replica): Promise<boolean> {
  return fetch(`${managementUrl}/readyz`, { signal: AbortSignal.timeout(ANSWER_WITHIN_MS) }).then(
    ({ ok }) => ok,
    () => false,
  );
}
