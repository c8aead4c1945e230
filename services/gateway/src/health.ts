import { getHealth, type Health, type ProcessHealth } from "@shop/contracts/http/health";
import type { ServiceName } from "@shop/contracts/services";
import type { HttpApp } from "@shop/http/server/app";
import type { Clock } from "@shop/runtime/clock";
import { healthOf } from "@shop/service/health";
import type { AskEach, ServiceAnswer } from "./ask.ts";

interface HealthRouteOptions {
  readonly askEach: AskEach;
  readonly services: readonly ServiceName[];
  /** How the gateway itself is. */
  readonly own: () => Promise<ProcessHealth>;
  readonly clock: Clock;
}

/** The health of all services, and of the gateway, as one. What does not answer in the time of any call is down. */
export function healthRoute(app: HttpApp, { askEach, services, own, clock }: HealthRouteOptions): void {
  app.raw(getHealth, async (call) => {
    const answers = await askEach(services, call, { takesBody: false, method: "GET" });
    // The same request was made to all: what one refuses, such as a query, is refused.
    const refused = answers.find(({ response }) => response !== undefined && !response.ok)?.response;
    if (refused !== undefined) return refused;
    const parts = await Promise.all(answers.map(partOf));
    return Response.json(healthOf([await own(), ...parts.flat()], clock), { headers: { "cache-control": "no-store" } });
  });
}

async function partOf({ name, response, reason }: ServiceAnswer<ServiceName>): Promise<readonly ProcessHealth[]> {
  if (response === undefined) return [{ service: name, status: "DOWN", detail: reason }];
  // A service of the same release: it has built it by the schema that the caller is promised.
  return ((await response.json()) as Health).services;
}
