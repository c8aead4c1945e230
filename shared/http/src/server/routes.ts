import type { Router } from "hono/router";
import { RegExpRouter } from "hono/router/reg-exp-router";

/** The paths that an app knows, to tell an unknown path (404) from a wrong method (405). */
export interface RouteTable {
  add(method: string, path: string): void;
  /** The methods of a path in their order of registration, HEAD where there is GET; empty for an unknown path. A plain path has its own only. */
  methodsOf(path: string): readonly string[];
  /** Whether a path has this very method. */
  has(method: string, path: string): boolean;
}

export function createRouteTable(): RouteTable {
  const routes: {
    readonly matches: (path: string) => boolean;
    readonly methods: Set<string>;
    readonly path: string;
  }[] = [];
  function methodsOf(path: string): readonly string[] {
    const plain = routes.find((route) => route.path === path);
    if (plain !== undefined) return [...plain.methods];
    const methods = routes.filter(({ matches }) => matches(path)).flatMap((route) => [...route.methods]);
    return [...new Set(methods)];
  }
  return {
    add(method, path) {
      let route = routes.find((known) => known.path === path);
      if (route === undefined) {
        route = { matches: matcherOf(path), methods: new Set(), path };
        routes.push(route);
      }
      route.methods.add(method);
      if (method === "GET") route.methods.add("HEAD");
    },
    methodsOf,
    has: (method, path) => methodsOf(path).includes(method),
  };
}

/** Whether a path is `/api/orders/{id}`, with anything in the place of the parameters. */
function matcherOf(path: string): (given: string) => boolean {
  if (!path.includes("{")) return (given) => given === path;
  const segments = path.split("/").map((segment) => (segment.startsWith("{") ? "[^/]+" : RegExp.escape(segment)));
  const pattern = new RegExp(`^${segments.join("/")}$`);
  return (given) => pattern.test(given);
}

/** `/api/orders/{id}` as hono writes it: `/api/orders/:id`. */
export function honoPath(path: string): string {
  return path.replaceAll(/\{(\w+)\}/g, ":$1");
}

/**
 * Hono's fastest router for all paths with parameters, and one look-up before it for those without. Together they take what that router alone refuses, a
 * plain path beside one with a parameter in the same place; hono would fall back to one that searches a tree at each call. A plain path wins, also with
 * a method that it does not have, unless a path that ends in `*` has it.
 */
export function createRouter<Handler>(): Router<Handler> {
  const plain = new Map<string, Map<string, Handler>>();
  const withParameters = new RegExpRouter<Handler>();
  const withRest = new RegExpRouter<Handler>();
  return {
    name: "PlainFirstRouter",
    add(method, path, handler) {
      if (path.includes("*")) return withRest.add(method, path, handler);
      if (path.includes(":")) return withParameters.add(method, path, handler);
      const methods = plain.get(path) ?? new Map<string, Handler>();
      plain.set(path, methods);
      if (!methods.has(method)) methods.set(method, handler);
    },
    match(method, path) {
      const methods = plain.get(path);
      if (methods === undefined) {
        const found = withParameters.match(method, path);
        return found[0].length === 0 ? withRest.match(method, path) : found;
      }
      const handler = methods.get(method) ?? methods.get("ALL");
      return handler === undefined ? withRest.match(method, path) : [[[handler, {}]]];
    },
  };
}
