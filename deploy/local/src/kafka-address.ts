import { connect } from "node:net";
import { once } from "node:events";
import { hostsAndPorts } from "@shop/runtime/config";
import { SetupError } from "./setup-error.ts";

/** A broker on another continent accepts a connection within a second. */
const CONNECT_TIMEOUT_MS = 5_000;

/**
 * Whether some broker that a setting names accepts connections. Whether it is Kafka, and lets the services in, they find out themselves.
 * @param given what the setting says
 * @param setting its name, for the error
 * @throws SetupError when it is wrong, or when no broker can be reached
 */
export async function requireReachable(given: string, setting = "KAFKA_BROKERS"): Promise<void> {
  const brokers = parse(given, setting);
  const objections = await Promise.all(brokers.map(async (broker) => ({ broker, why: await whyUnreachable(broker) })));
  if (objections.some(({ why }) => why === undefined)) return;
  const named = objections.map(({ broker, why }) => `${broker} (${why})`).join(", ");
  throw new SetupError(
    `Kafka cannot be reached at ${setting}=${given}: ${named}. Start it, correct ${setting}, or leave it unset to have a broker started here.`,
  );
}

function parse(given: string, setting: string): readonly string[] {
  const result = hostsAndPorts.safeParse(given);
  if (result.success) return result.data;
  throw new SetupError(
    `${setting}=${given} is wrong: ${result.error.issues.map(({ message }) => message).join(", ")}.`,
  );
}

async function whyUnreachable(broker: string): Promise<string | undefined> {
  const { hostname, port } = new URL(`kafka://${broker}`);
  const socket = connect({ host: hostname.replace(/^\[|\]$/g, ""), port: Number(port) });
  try {
    await once(socket, "connect", { signal: AbortSignal.timeout(CONNECT_TIMEOUT_MS) });
    return undefined;
  } catch (error) {
    if (error instanceof Error && error.name === "AbortError")
      return `no answer within ${CONNECT_TIMEOUT_MS / 1_000} s`;
    return error instanceof Error && "code" in error ? String(error.code) : String(error);
  } finally {
    socket.destroy();
  }
}
