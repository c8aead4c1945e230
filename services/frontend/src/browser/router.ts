import { type PageName, pagePaths } from "../pages/paths.ts";

/** Which page an address means. */
export interface PageRoute {
  readonly page: PageName;
  /** The `{id}` of the address; empty where it has none. */
  readonly id: string;
}

/** The page of a path; undefined when there is none. */
export function routeOf(path: string): PageRoute | undefined {
  for (const [page, pattern] of Object.entries(pagePaths) as [PageName, string][]) {
    const [prefix = "", rest] = pattern.split("{id}");
    if (rest === undefined ? path === pattern : path.startsWith(prefix) && /^[^/]+$/.test(path.slice(prefix.length))) {
      return { page, id: rest === undefined ? "" : path.slice(prefix.length) };
    }
  }
  return undefined;
}

/** The address of a page. */
export function pathTo(page: PageName, id = ""): string {
  return pagePaths[page].replace("{id}", id);
}

/** Goes to another page of ours without leaving the document. */
export function navigate(to: string, { replace = false } = {}): void {
  if (replace) history.replaceState(null, "", to);
  else history.pushState(null, "", to);
  globalThis.dispatchEvent(new PopStateEvent("popstate"));
}

/** The same once a call has been answered, unless the person has gone to another page than `from` meanwhile. */
export function navigateFrom(from: string, to: string): void {
  if (location.pathname === from) navigate(to, { replace: true });
}
