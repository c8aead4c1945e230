import { toPage } from "@shop/contracts/http/page";
import type { ServiceName } from "@shop/contracts/services";
import type { RequestCall } from "@shop/http/request/call";
import { UnavailableError } from "@shop/http/request/errors";
import { listText } from "@shop/http/request/list-formats";
import type { AskEach } from "./ask.ts";

interface Page {
  readonly items: readonly { readonly id: string }[];
  readonly nextCursor: string | null;
}

interface Wanted {
  readonly limit: number;
  readonly sort?: "newest" | "oldest" | undefined;
}

/**
 * A page of a list of which each of several services keeps a part. Each is asked for its own, with the caller's token; `unavailable` names those that
 * did not answer.
 * @param query the schema of the call's query, by which the services validate it
 * @throws UnavailableError when none of them answers
 */
export async function mergedList(
  askEach: AskEach,
  names: readonly ServiceName[],
  call: RequestCall,
  query: { readonly parse: (query: unknown) => Wanted },
): Promise<Response> {
  const answers = await askEach(names, call, { takesBody: false, method: "GET" });
  // The same request was made to all: what one refuses, such as a cursor, is refused.
  const refused = answers.find(({ response }) => response !== undefined && !response.ok)?.response;
  if (refused !== undefined) return refused;
  const unavailable = answers.filter(({ response }) => response === undefined).map(({ name }) => name);
  if (unavailable.length === answers.length) throw new UnavailableError("none of the services answers");
  // The services have taken it, so it can be parsed.
  const { limit, sort = "newest" } = query.parse(call.c.req.query());
  // Services of the same release: they have built it by the schema that the caller is promised.
  const pages = await Promise.all(answers.map(async ({ response }) => (await response?.json()) as Page | undefined));
  const page = merged(
    pages.filter((one) => one !== undefined),
    limit,
    sort,
  );
  const listed = listText(call.c.req.header("accept"), page);
  const headers = { "cache-control": "no-store", ...listed?.headers };
  return listed === undefined
    ? Response.json({ ...page, unavailable }, { headers })
    : new Response(listed.text, { headers });
}

/** Each page goes from the cursor to its `nextCursor`: what all of them cover, in their order, is the merged one. */
function merged(pages: readonly Page[], limit: number, sort: "newest" | "oldest"): Page {
  const first = sort === "newest" ? 1 : -1;
  const all = pages.flatMap(({ items }) => items).toSorted((a, b) => (a.id < b.id ? first : -first));
  const more = pages.some(({ nextCursor }) => nextCursor !== null);
  const page = toPage(all, limit);
  const last = page.items.at(-1);
  return { items: page.items, nextCursor: page.nextCursor ?? (more && last ? last.id.replaceAll("-", "") : null) };
}
