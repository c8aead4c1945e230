import { type ComposeProject, type Container, docker, serviceOf } from "../support/compose-project.ts";
import { seeded } from "../support/seeded.ts";

export interface RandomFaultOptions {
  readonly seed: number;
  /** How long faults are begun. What has been begun is reverted after that. */
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

/** What is done to a container, and reverted, as `docker` takes it. */
interface Deed {
  readonly what: string;
  /** How long at least and at most, in milliseconds. */
  readonly range: readonly [number, number];
  readonly begin: readonly string[];
  readonly end: readonly string[];
}

/** "order", and "order-2" for its second replica. */
function called(container: Container): string {
  const replica = container.Name.split("-").at(-1);
  return replica === "1" ? serviceOf(container) : `${serviceOf(container)}-${replica}`;
}

/**
 * Kills, stops and pauses containers and cuts them off from one of their networks, two at a time, whichever the seed draws: services, databases,
 * the broker and the load balancer. What is killed through the engine stays down, whatever its restart policy: it is started again here.
 * @throws Error when the engine did not do as it was told
 */
export async function injectRandomContainerFaults(
  project: ComposeProject,
  { seed, forMs, did }: RandomFaultOptions,
): Promise<void> {
  const random = seeded(seed * 31 + 7);
  const between = ([low, high]: readonly [number, number]) => Math.round(low + random() * (high - low));
  const pick = <Item>(items: readonly Item[]): Item => items[Math.floor(random() * items.length)] as Item;
  const endsAt = performance.now() + forMs;
  const victims = (await project.containers())
    .filter(({ State }) => State.Status === "running")
    .toSorted((one, other) => one.Name.localeCompare(other.Name));
  const taken = new Set<string>();

  const deeds: readonly ((victim: Container, name: string) => Deed)[] = [
    ({ Id }, name) => ({ what: `kill ${name}`, range: DOWN_MS, begin: ["kill", Id], end: ["start", Id] }),
    ({ Id }, name) => ({ what: `stop ${name}`, range: DOWN_MS, begin: ["stop", Id], end: ["start", Id] }),
    ({ Id }, name) => ({ what: `pause ${name}`, range: PAUSED_MS, begin: ["pause", Id], end: ["unpause", Id] }),
    (victim, name) => {
      const network = pick(Object.keys(victim.NetworkSettings.Networks).toSorted());
      return {
        ...{ what: `disconnect ${name} from ${network}`, range: CUT_OFF_MS },
        begin: ["network", "disconnect", network, victim.Id],
        end: ["network", "connect", "--alias", serviceOf(victim), network, victim.Id],
      };
    },
  ];

  async function hand(): Promise<void> {
    while (performance.now() < endsAt) {
      const victim = pick(victims.filter(({ Id }) => !taken.has(Id)));
      taken.add(victim.Id);
      const { what, range, begin, end } = pick(deeds)(victim, called(victim));
      const ms = between(range);
      did(`${what} for ${ms} ms`);
      await docker(begin);
      await Bun.sleep(ms);
      await docker(end);
      taken.delete(victim.Id);
      await Bun.sleep(between(CALM_MS));
    }
  }

  await Promise.all(Array.from({ length: AT_ONCE }, hand));
  await project.compose("up", "--detach", "--wait", "--no-recreate");
}
