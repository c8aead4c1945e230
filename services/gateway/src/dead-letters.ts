import * as bulkCalls from "@shop/contracts/http/bulk";
import * as calls from "@shop/contracts/http/dead-letter";
import { participants } from "@shop/contracts/services";
import type { HttpApp } from "@shop/http/server/app";
import type { RequestCall } from "@shop/http/request/call";
import { UnavailableError } from "@shop/http/request/errors";
import { readBody } from "@shop/http/proxy/proxy";
import type { AskEach } from "./ask.ts";
import { mergedList } from "./merged-list.ts";

/** The dead letters of all services as one list. Each service is asked for its own, with the caller's token. */
export function deadLetterRoutes(app: HttpApp, askEach: AskEach): void {
  app.raw(calls.listDeadLetters, (call) => mergedList(askEach, participants, call, calls.listDeadLetters.query));

  /** Asks all about something that belongs to one of them. */
  async function askOwner(call: RequestCall, body?: Awaited<ReturnType<typeof readBody>>): Promise<Response> {
    const answers = await askEach(
      participants,
      call,
      body === undefined ? { takesBody: false } : { takesBody: true, body },
    );
    const responses = answers.flatMap(({ response }) => response ?? []);
    // An id belongs to one service; the others do not know it.
    const answer = responses.find(({ status }) => status !== 404);
    if (answer !== undefined) return answer;
    const away = answers.filter(({ response }) => response === undefined).map(({ name }) => name);
    const [unknown] = responses;
    if (away.length > 0 || unknown === undefined) throw new UnavailableError(`${away.join(", ")} did not answer`);
    return unknown;
  }

  app.raw(calls.replayDeadLetter, async (call) => askOwner(call, await readBody(call.c.req.raw)));
  app.raw(bulkCalls.getDeadLetterBulk, (call) => askOwner(call));
  app.raw(bulkCalls.stopDeadLetterBulk, (call) => askOwner(call));

  app.raw(bulkCalls.listDeadLetterBulks, (call) =>
    mergedList(askEach, participants, call, bulkCalls.listDeadLetterBulks.query),
  );

  app.raw(bulkCalls.bulkDeadLetters, async (call) => {
    const { parts, refused, unavailable } = await askAll<bulkCalls.DeadLetterBulkAnswer>(call);
    if (refused !== undefined) return refused;
    const sample = parts.flatMap((part) => part.sample).slice(0, bulkCalls.SAMPLE);
    const operations = parts.flatMap((part) => part.operations);
    const total = parts.reduce((sum, part) => sum + part.total, 0);
    const dryRun = parts.every((part) => part.dryRun);
    return accepted({ dryRun, total, sample, operations, unavailable });
  });

  /** Asks all to do something to what they have. @throws UnavailableError when none of them answers */
  async function askAll<Part>(call: RequestCall) {
    const body = await readBody(call.c.req.raw);
    const answers = await askEach(participants, call, { takesBody: true, body });
    // The same request was made to all: what one refuses is refused.
    const refused = answers.find(({ response }) => response !== undefined && !response.ok)?.response;
    const unavailable = answers.filter(({ response }) => response === undefined).map(({ name }) => name);
    if (unavailable.length === answers.length) throw new UnavailableError("none of the services answers");
    const read = refused === undefined ? answers : [];
    const parts = await Promise.all(read.map(async ({ response }) => (await response?.json()) as Part | undefined));
    return { parts: parts.filter((part): part is Awaited<Part> & Part => part !== undefined), refused, unavailable };
  }

  app.raw(calls.replayDeadLetters, async (call) => {
    const { parts, refused, unavailable } = await askAll<calls.ReplayedMany>(call);
    return refused ?? accepted({ ...summed(parts), unavailable });
  });
}

const accepted = (body: object) => Response.json(body, { status: 202, headers: { "cache-control": "no-store" } });

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
