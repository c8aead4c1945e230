import * as calls from "@shop/contracts/http/dead-letter";
import { participants } from "@shop/contracts/services";
import type { HttpApp } from "@shop/http/server/app";
import { UnavailableError } from "@shop/http/request/errors";
import { readBody } from "@shop/http/proxy/proxy";
import type { AskEach } from "./ask.ts";
import { mergedList } from "./merged-list.ts";

/** The dead letters of all services as one list. Each service is asked for its own, with the caller's token. */
export function deadLetterRoutes(app: HttpApp, askEach: AskEach): void {
  app.raw(calls.listDeadLetters, (call) => mergedList(askEach, participants, call, calls.listDeadLetters.query));

  app.raw(calls.replayDeadLetter, async (call) => {
    const body = await readBody(call.c.req.raw);
    const answers = await askEach(participants, call, { takesBody: true, body });
    const responses = answers.flatMap(({ response }) => response ?? []);
    // An id belongs to one service; the others do not know it.
    const answer = responses.find(({ status }) => status !== 404);
    if (answer !== undefined) return answer;
    const away = answers.filter(({ response }) => response === undefined).map(({ name }) => name);
    const [unknown] = responses;
    if (away.length > 0 || unknown === undefined) throw new UnavailableError(`${away.join(", ")} did not answer`);
    return unknown;
  });

  app.raw(calls.replayDeadLetters, async (call) => {
    const body = await readBody(call.c.req.raw);
    const answers = await askEach(participants, call, { takesBody: true, body });
    const refused = answers.find(({ response }) => response !== undefined && !response.ok)?.response;
    if (refused !== undefined) return refused;
    const unavailable = answers.filter(({ response }) => response === undefined).map(({ name }) => name);
    if (unavailable.length === answers.length) throw new UnavailableError("none of the services answers");
    const parts = await Promise.all(
      answers.map(async ({ response }) => (await response?.json()) as calls.ReplayedMany | undefined),
    );
    return Response.json(
      { ...summed(parts.filter((part) => part !== undefined)), unavailable },
      { status: 202, headers: { "cache-control": "no-store" } },
    );
  });
}

/** The sum of all services' results. A finished service returns no cursor; the next call starts at the slowest one's. */
function summed(answers: readonly calls.ReplayedMany[]): Omit<calls.ReplayedMany, "unavailable"> {
  const outcomes: Partial<Record<calls.ReplayOutcome, number>> = {};
  for (const { outcomes: own } of answers) {
    for (const outcome of calls.ReplayOutcome.options)
      if (own[outcome] !== undefined) outcomes[outcome] = (outcomes[outcome] ?? 0) + own[outcome];
  }
  const [nextCursor = null] = answers.flatMap((answer) => answer.nextCursor ?? []).toSorted();
  return { dryRun: answers.some(({ dryRun }) => dryRun), outcomes, nextCursor };
}
