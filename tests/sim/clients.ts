import { answered, type Answered, headersOf, type LoadClient, writtenDown } from "../harness/load/client.ts";
import type { Entry } from "../harness/load/journal.ts";
import type { Replica } from "./replica.ts";
import type { FaultInjector } from "./fault-injector.ts";
import type { Scheduler } from "./scheduler.ts";

/** What simulated clients call through. */
export interface Network {
  readonly scheduler: Scheduler;
  readonly injector: FaultInjector;
  readonly replicasOf: (service: string) => readonly Replica[];
}

const WAIT_LIMIT_MS = 10_000;

/** Which service answers which path, as the gateway knows it. */
const OWNERS = [
  ["/api/orders", "order"],
  ["/api/products", "product"],
  ["/api/deliveries", "delivery"],
  ["/api/sagas", "orchestrator"],
] as const;

/** Somebody who calls the system, each time any of the replicas of the service that answers. */
export function simulatedClient(
  name: string,
  { role, id }: { readonly role: string; readonly id: string },
  network: Network,
  write: (entry: Entry) => void,
): LoadClient {
  const { scheduler } = network;
  return writtenDown(
    name,
    (method, path, { json, key }) => {
      const body = json === undefined ? undefined : JSON.stringify(json);
      const length = { "content-length": String(Buffer.byteLength(body ?? "")) };
      const headers = { ...headersOf(`${role} ${id}`, json, key), ...(body === undefined ? {} : length) };
      return call(network, path, { method, headers, ...(body === undefined ? {} : { body }) }, name);
    },
    write,
    () => scheduler.now,
  );
}

function call(network: Network, path: string, request: RequestInit, who: string): Promise<Answered> {
  const service = OWNERS.find(([prefix]) => path.startsWith(prefix))?.[1] ?? "";
  return callService(network, service, path, request, who);
}

/** Replays a dead letter of a service, as an admin does. */
export function replayDeadLetterAt(network: Network, service: string, id: string): Promise<Answered> {
  const body = JSON.stringify({});
  const headers = {
    ...headersOf("admin 00000000-0000-7000-8000-0000000000a2", {}, undefined),
    "content-length": String(body.length),
  };
  return callService(network, service, `/api/dead-letters/${id}/replay`, { method: "POST", headers, body }, "admin");
}

function callService(
  { scheduler, injector, replicasOf }: Network,
  service: string,
  path: string,
  request: RequestInit,
  who: string,
): Promise<Answered> {
  return new Promise((resolve) => {
    const noAnswer = (problem: string) => resolve({ status: 0, body: {}, problem });
    const replica = scheduler.pick(replicasOf(service));
    const process = replica?.process;
    const app = replica?.app;
    if (process === undefined || app === undefined) {
      scheduler.after(injector.latencyMs(), undefined, "", () => noAnswer("refused"));
      return;
    }
    process.onCrash(() => scheduler.after(0, undefined, "", () => noAnswer("reset")));
    scheduler.after(WAIT_LIMIT_MS, undefined, "", () => noAnswer("no answer"));
    scheduler.after(injector.latencyMs(), process, `${request.method} ${path} from ${who}`, () => {
      void answer().then(
        (told) =>
          scheduler.after(injector.latencyMs(), process, `answers ${request.method} ${path} with ${told.status}`, () =>
            resolve(told),
          ),
        (error: unknown) => noAnswer(String(error)),
      );
    });
    const answer = async () => answered(await app.request(`http://shop.test${path}`, request));
  });
}
