import { MANAGEMENT_PORT_OFFSET, type ProcessName, services } from "@shop/contracts/services";
import { type NeededPort, requireFreePorts } from "./free-port.ts";
import { innermostFirst } from "./services.ts";
import { SetupError } from "./setup-error.ts";

type Environment = Readonly<Record<string, string | undefined>>;

const MAX_PORT = 65_535 - MANAGEMENT_PORT_OFFSET;

/**
 * The port of each service: what `NAME_PORT` says, else its default moved by `PORT_OFFSET`. Its management port is 1000 above.
 * @throws SetupError naming the settings that are wrong
 */
export function servicePorts(environment: Environment): ReadonlyMap<ProcessName, number> {
  const offset = offsetOf(environment);
  const objections: string[] = [];
  const ports = innermostFirst.map((name): [ProcessName, number] => {
    const setting = `${name.toUpperCase()}_PORT`;
    const given = environment[setting];
    if (!given) return [name, services[name].port + offset];
    if (!isWhole(given, 1, MAX_PORT)) objections.push(`${setting}=${given}`);
    return [name, Number(given)];
  });
  if (objections.length > 0) {
    throw new SetupError(`${objections.join(" and ")}: a port is a whole number from 1 to ${MAX_PORT}.`);
  }
  return new Map(ports);
}

function offsetOf({ PORT_OFFSET: given }: Environment): number {
  const max = MAX_PORT - Math.max(...innermostFirst.map((name) => services[name].port));
  if (!given) return 0;
  if (!isWhole(given, 0, max)) {
    throw new SetupError(`PORT_OFFSET=${given}: it is added to every default port, a whole number from 0 to ${max}.`);
  }
  return Number(given);
}

const isWhole = (text: string, min: number, max: number) =>
  /^\d+$/.test(text) && Number(text) >= min && Number(text) <= max;

/** @throws SetupError naming all that other programs hold, or that two services would share */
export async function requireServicePorts(ports: ReadonlyMap<ProcessName, number>): Promise<void> {
  const needed = [...ports].flatMap(([name, port]): NeededPort[] => [
    { port, owner: name },
    { port: port + MANAGEMENT_PORT_OFFSET, owner: `${name}'s health and metrics` },
  ]);
  for (const [port, owners] of Map.groupBy(needed, (each) => each.port)) {
    if (owners.length === 1) continue;
    const names = owners.map(({ owner }) => owner).join(" and ");
    throw new SetupError(`Port ${port} is wanted by ${names}: change one of their *_PORT settings.`);
  }
  await requireFreePorts(needed, "set PORT_OFFSET, such as PORT_OFFSET=10000, to move all ports at once");
}
