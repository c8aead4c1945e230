import * as calls from "@shop/contracts/http/dead-letter";
import { toPage } from "@shop/contracts/http/page";
import type { HttpApp } from "@shop/http/server/app";
import { UnavailableError } from "@shop/http/request/errors";
import { listText } from "@shop/http/request/list-formats";
import { readBody } from "@shop/http/proxy/proxy";
import type { AskEach } from "./ask.ts";

type Page = Pick<ReturnType<typeof toPage<calls.DeadLetter>>, "items" | "nextCursor">;

/** The dead letters of all services as one list. Each service is asked for its own, with the caller's token. */
export function deadLetterRoutes(app: HttpApp, askEach: AskEach): void {
  app.raw(calls.listDeadLetters, async (call) => {
    const answers = await askEach(calls.participants, call, { takesBody: false, method: "GET" });
    // The same request was made to all: what one refuses, such as a cursor, is refused.
    const refused = answers.find(({ response }) => response !== undefined && !response.ok)?.response;
    if (refused !== undefined) return refused;
    const unavailable = answers.filter(({ response }) => response === undefined).map(({ name }) => name);
    if (unavailable.length === answers.length) throw new UnavailableError("none of the services answers");
    // Services of the same release: they have built it by the schema that the caller is promised.
    const pages = await Promise.all(answers.map(async ({ response }) => (await response?.json()) as Page | undefined));
    const { limit, sort } = calls.listDeadLetters.query.parse(call.c.req.query());
    const page = merged(
      pages.filter((one) => one !== undefined),
      { limit, sort },
    );
    const listed = listText(call.c.req.header("accept"), page);
    const headers = { "cache-control": "no-store", ...listed?.headers };
    return listed === undefined
      ? Response.json({ ...page, unavailable }, { headers })
      : new Response(listed.text, { headers });
  });

  app.raw(calls.replayDeadLetter, async (call) => {
    const body = await readBody(call.c.req.raw);
    const answers = await askEach(calls.participants, call, { takesBody: true, body });
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
    const answers = await askEach(calls.participants, call, { takesBody: true, body });
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

/** Each page goes from the cursor to its `nextCursor`: what all of them cover, in their order, is the merged one. */
function merged(
  pages: readonly Page[],
  { limit, sort }: { readonly limit: number; readonly sort: "newest" | "oldest" },
): Page {
  const first = sort === "newest" ? 1 : -1;
  const all = pages.flatMap(({ items }) => items).toSorted((a, b) => (a.id < b.id ? first : -first));
  const more = pages.some(({ nextCursor }) => nextCursor !== null);
  const page = toPage(all, limit);
  const last = page.items.at(-1);
  return { items: page.items, nextCursor: page.nextCursor ?? (more && last ? last.id.replaceAll("-", "") : null) };
}
