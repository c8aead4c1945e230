import { participants, type ParticipantName } from "@shop/contracts/services";
import { explainOrder as call, type OrderExplanation, type OrderPart } from "@shop/contracts/http/why";
import { problem, problemResponse } from "@shop/http/request/answer";
import type { HttpApp } from "@shop/http/server/app";
import { UnavailableError } from "@shop/http/request/errors";
import { type Clock, instant } from "@shop/runtime/clock";
import { explainOrder, isKnown } from "@shop/service/explain-order";
import type { AskEach, ServiceAnswer } from "./ask.ts";

/** The explanation of an order from what each service knows of it. A service that does not answer is part of the explanation. */
export function explainOrderRoute(
  app: HttpApp,
  askEach: AskEach,
  { clock, traceUrl }: { readonly clock: Clock; readonly traceUrl?: string | undefined },
): void {
  app.raw(call, async (request) => {
    const answers = await askEach(participants, request, { takesBody: false, method: "GET" });
    // The same request was made to all: what one refuses, such as a query or an id, is refused.
    const refused = answers.find(({ response }) => response !== undefined && !response.ok)?.response;
    if (refused !== undefined) return refused;
    const parts = (await Promise.all(answers.map(partOf))).flat();
    if (!isKnown(parts)) {
      const away = parts.filter(({ status }) => status === "DOWN").map(({ service }) => service);
      if (away.length > 0) throw new UnavailableError(`${away.join(", ")} did not answer`);
      return problemResponse(request.c, problem("NOT_FOUND", "No service knows this order."));
    }
    const id = (request.c.req.param("id") ?? "").toLowerCase();
    const headers = { "cache-control": "no-store" };
    return Response.json(explainOrder(id, parts, instant(clock), traceUrl), { headers });
  });
}

async function partOf({ name, response, reason }: ServiceAnswer<ParticipantName>): Promise<readonly OrderPart[]> {
  if (response === undefined) return [{ service: name, status: "DOWN", detail: reason }];
  // A service of the same release: it has built it by the schema that the caller is promised.
  return ((await response.json()) as OrderExplanation).services;
}
