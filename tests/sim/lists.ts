import type { LoadClient, Told } from "../harness/load/client.ts";
import type { Breach } from "../harness/rules/rules.ts";

/** Few, so that there are several pages. */
const PAGE = 3;
const MOST_PAGES = 40;

interface Item {
  readonly id: string;
}

/** A list of the API read page by page. @returns undefined when a page was not answered */
async function readAll(reader: LoadClient, path: string): Promise<readonly string[] | undefined> {
  const ids: string[] = [];
  let cursor = "";
  for (let page = 0; page < MOST_PAGES; page += 1) {
    const separator = path.includes("?") ? "&" : "?";
    const told: Told = await reader.call("GET", `${path}${separator}limit=${PAGE}${cursor}`);
    if (told.status !== 200) return undefined;
    ids.push(...(told.body["items"] as readonly Item[]).map(({ id }) => id));
    const next = told.body["nextCursor"];
    if (typeof next !== "string") return ids;
    cursor = `&cursor=${encodeURIComponent(next)}`;
  }
  return ids;
}

/**
 * I8: a list read page by page has each row that its reader may see once, and no other.
 * @param expected their ids
 */
export async function judgeList(
  reader: LoadClient,
  path: string,
  expected: readonly string[],
): Promise<readonly Breach[]> {
  const ids = await readAll(reader, path);
  if (ids?.toSorted().join() === expected.toSorted().join()) return [];
  const shown =
    ids === undefined ? "was not answered" : `has ${ids.length} rows, ${new Set(ids).size} of them different,`;
  return [{ rule: "I8", text: `${path} of ${reader.name} ${shown} in place of ${expected.length}` }];
}
