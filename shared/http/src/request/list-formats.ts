import { csvHead, csvRow } from "@shop/runtime/csv";
import type { Endpoint } from "@shop/contracts/http/define";
import { z } from "zod";

/** As what a page of a list is given beside JSON, when `Accept` asks for it. */
export const CSV = "text/csv";
export const JSON_LINES = "application/x-ndjson";
/** Where a list that is not JSON goes on: what `nextCursor` is in JSON. */
const NEXT_CURSOR = "x-next-cursor";

/** Whether an endpoint answers with a page of a list. */
export function isList({ method, success: { schema } }: Pick<Endpoint, "method" | "success">): boolean {
  return method === "GET" && schema instanceof z.ZodObject && "items" in schema.shape && "nextCursor" in schema.shape;
}

/** As what a page of a list is asked for, when it is not as JSON. */
export function listTypeOf(accept: string | undefined): typeof CSV | typeof JSON_LINES | undefined {
  const wanted = accept?.split(",").map((type) => type.split(";")[0]?.trim());
  return ([CSV, JSON_LINES] as const).find((known) => wanted?.includes(known));
}

/**
 * A page of a list as CSV with a line of names, or as one JSON object a line. Only a caller that names one of them gets it.
 * @returns undefined when JSON is asked for, or anything
 */
export function listText(
  accept: string | undefined,
  page: { readonly items: readonly object[]; readonly nextCursor: string | null },
): { readonly text: string; readonly headers: Readonly<Record<string, string>> } | undefined {
  const type = listTypeOf(accept);
  if (type === undefined) return undefined;
  const { items, nextCursor } = page;
  const [first] = items;
  const text =
    type === JSON_LINES
      ? items.map((item) => `${JSON.stringify(item)}\n`).join("")
      : (first === undefined ? "" : csvHead(first)) + items.map(csvRow).join("");
  const headers = {
    "content-type": type === CSV ? `${CSV}; charset=utf-8; header=present` : type,
    vary: "accept",
    ...(nextCursor === null ? {} : { [NEXT_CURSOR]: nextCursor }),
  };
  return { text, headers };
}
