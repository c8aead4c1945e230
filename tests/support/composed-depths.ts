import { connect } from "node:net";
import { serviceNames, type ServiceName } from "@shop/contracts/services";
import { Kafka, logLevel } from "kafkajs";
import type { Depths } from "../harness/rules/evidence.ts";
import { addressOf, type ComposeProject, serviceOf } from "./compose-project.ts";

/**
 * The databases and the broker of a composed system as its host reaches them, though none is published: on Linux a host is a member of its containers'
 * networks. Good until one of them is started again.
 */
export async function depthsOf(project: ComposeProject): Promise<Depths> {
  const running = (await project.containers()).filter(({ State }) => State.Status === "running");
  const addresses = new Map(running.map((container) => [serviceOf(container), addressOf(container)]));
  const addressOfService = (service: string) => {
    const address = addresses.get(service);
    if (address === undefined) throw new Error(`${service} does not run`);
    return address;
  };
  const databaseUrls = new Map(
    serviceNames.map((owner): [ServiceName, string] => [
      owner,
      `postgres://${owner}:${owner}-development@${addressOfService(`${owner}-db`)}:5432/${owner}`,
    ]),
  );
  return {
    databaseUrls,
    // The image makes the role that it is given the owner of everything.
    superuserUrl: (service) => databaseUrls.get(service) ?? "",
    client: new Kafka({
      brokers: ["kafka:9092"],
      sasl: { mechanism: "plain", username: "operator", password: "operator-development" },
      logLevel: logLevel.NOTHING,
      retry: { retries: 10 },
      socketFactory: ({ host, port, onConnect }) => connect({ host: addressOfService(host), port }, onConnect),
    }),
  };
}
