import { type ComposeProject, type Container, docker, serviceOf } from "../support/compose-project.ts";
import { seeded } from "../support/seeded.ts";

export interface RandomHarmOptions {
  readonly seed: number;
  /** How long harm is begun. What has been begun is undone after that. */
  readonly forMs: number;
  /** Told of each deed as it is done. */
  readonly did: (what: string) => void;
}

/** As much at a time as a shop of one container per service can have, and still have something to do. */
const AT_ONCE = 2;
/** Between two deeds of one hand, in milliseconds. */
const CALM_MS = [500, 4_000] as const;
/** Some of them are longer than a member of a consumer group, a session of PostgreSQL or a caller may be silent. */
const DOWN_MS = [0, 8_000] as const;
const PAUSED_MS = [500, 20_000] as const;
const CUT_OFF_MS = [500, 15_000] as const;

/** "order", and "order-2" for its second replica. */
function called(container: Container): string {
  const replica = container.Name.split("-").at(-1);
  return replica === "1" ? serviceOf(container) : `${serviceOf(container)}-${replica}`;
}

/**
 * Kills, stops, restarts, pauses containers and cuts them off from one of their networks, two at a time, whichever the seed draws: services, databases,
 * the broker and the load balancer. What is killed through the engine stays down, whatever its restart policy: it is started again here.
 * @throws Error when the engine did not do as it was told
 */
export async function randomHarmToContainers(
  project: ComposeProject,
  { seed, forMs, did }: RandomHarmOptions,
): Promise<void> {
  const random = seeded(seed * 31 + 7);
  const between = ([low, high]: readonly [number, number]) => Math.round(low + random() * (high - low));
  const pick = <Item>(items: readonly Item[]): Item => items[Math.floor(random() * items.length)] as Item;
  const endsAt = performance.now() + forMs;
  const victims = (await project.containers())
    .filter(({ State }) => State.Status === "running")
    .toSorted((one, other) => one.Name.localeCompare(other.Name));
  const taken = new Set<string>();

  const deeds: Readonly<Record<string, (victim: Container, name: string) => Promise<void>>> = {
    async kill({ Id }, name) {
      const downMs = between(DOWN_MS);
      did(`kill ${name} for ${downMs} ms`);
      await docker(["kill", Id]);
      await Bun.sleep(downMs);
      await docker(["start", Id]);
    },
    async stop({ Id }, name) {
      const downMs = between(DOWN_MS);
      did(`stop ${name} for ${downMs} ms`);
      await docker(["stop", Id]);
      await Bun.sleep(downMs);
      await docker(["start", Id]);
    },
    async pause({ Id }, name) {
      const pausedMs = between(PAUSED_MS);
      did(`pause ${name} for ${pausedMs} ms`);
      await docker(["pause", Id]);
      await Bun.sleep(pausedMs);
      await docker(["unpause", Id]);
    },
    async disconnect(victim, name) {
      const network = pick(Object.keys(victim.NetworkSettings.Networks).toSorted());
      const cutOffMs = between(CUT_OFF_MS);
      did(`disconnect ${name} from ${network} for ${cutOffMs} ms`);
      await docker(["network", "disconnect", network, victim.Id]);
      await Bun.sleep(cutOffMs);
      await docker(["network", "connect", "--alias", serviceOf(victim), network, victim.Id]);
    },
  };

  async function hand(): Promise<void> {
    while (performance.now() < endsAt) {
      const victim = pick(victims.filter(({ Id }) => !taken.has(Id)));
      taken.add(victim.Id);
      await pick(Object.values(deeds))(victim, called(victim));
      taken.delete(victim.Id);
      await Bun.sleep(between(CALM_MS));
    }
  }

  await Promise.all(Array.from({ length: AT_ONCE }, hand));
  await project.compose("up", "--detach", "--wait", "--no-recreate");
}
