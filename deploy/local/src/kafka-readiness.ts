import { Kafka, logLevel } from "kafkajs";

/** Any group: asking for its offsets makes the broker set up the topic in which it keeps them. */
const PROBE_GROUP = "readiness-probe";

/**
 * Whether a broker does all that a consumer needs: it answers, and it coordinates groups. Right after its start it does the first without the
 * second for a while, which fills the logs of those who come too early.
 * @param brokers `host:port`, comma separated
 * @returns why not, or nothing
 */
export async function whyNotReady(brokers: string): Promise<string | undefined> {
  const kafka = new Kafka({
    clientId: "readiness-probe",
    brokers: brokers.split(","),
    // Refused connections are expected here, and told of by the return value.
    logLevel: logLevel.NOTHING,
    connectionTimeout: 1_000,
    requestTimeout: 3_000,
    retry: { retries: 0 },
  });
  const admin = kafka.admin();
  try {
    await admin.connect();
    const { brokers: members } = await admin.describeCluster();
    if (members.length === 0) return "no broker has registered with the controller yet";
    await admin.fetchOffsets({ groupId: PROBE_GROUP });
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    await admin.disconnect();
  }
}
