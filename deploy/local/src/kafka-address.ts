import { connect } from "node:net";
import { once } from "node:events";
import { hostsAndPorts } from "@shop/runtime/config";
import { SetupError } from "./setup-error.ts";

/** A broker on another continent accepts a connection within a second. */
const CONNECT_TIMEOUT_MS = 5_000;

const RETRY_PAUSE_MS = 100;
/** A broker that is started at the same time takes some seconds. */
const START_TIMEOUT_MS = 30_000;

interface ReachableOptions {
  /** The setting's name, for the error; `KAFKA_BROKERS` by default. */
  readonly setting?: string;
  /** How long a broker may take to accept connections, in milliseconds; 30 s by default. */
  readonly startTimeoutMs?: number;
  /** Told when it has to be waited for. */
  readonly progress?: ((text: string) => void) | undefined;
}

/**
 * Waits until some broker that a setting names accepts connections. Whether it is Kafka, and lets the services in, they find out themselves.
 * @param given what the setting says
 * @throws SetupError when it is wrong, or when no broker can be reached in time
 */
export async function untilReachable(
  given: string,
  { setting = "KAFKA_BROKERS", startTimeoutMs = START_TIMEOUT_MS, progress }: ReachableOptions = {},
): Promise<void> {
  const brokers = parse(given, setting);
  const until = performance.now() + startTimeoutMs;
  for (let attempt = 1; ; attempt += 1) {
    const objections = await Promise.all(
      brokers.map(async (broker) => ({ broker, why: await whyUnreachable(broker) })),
    );
    if (objections.some(({ why }) => why === undefined)) return;
    const named = objections.map(({ broker, why }) => `${broker} (${why})`).join(", ");
    const problem = `Kafka cannot be reached at ${setting}=${given}: ${named}.`;
    if (performance.now() >= until)
      throw new SetupError(`${problem} Start it, correct ${setting}, or leave it unset to have a broker started here.`);
    if (attempt === 1) progress?.(`${problem} Waiting for it, for ${startTimeoutMs / 1_000} s at most.`);
    await Bun.sleep(RETRY_PAUSE_MS);
  }
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
