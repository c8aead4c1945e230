/** The paths that an app knows, to tell an unknown path (404) from a wrong method (405). */
export interface RouteTable {
  add(method: string, path: string): void;
  /** The methods of a path in their order of registration, HEAD where there is GET; empty for an unknown path. */
  methodsOf(path: string): readonly string[];
}

export function createRouteTable(): RouteTable {
  const routes: { readonly pattern: RegExp; readonly methods: Set<string>; readonly path: string }[] = [];
  return {
    add(method, path) {
      let route = routes.find((known) => known.path === path);
      if (route === undefined) {
        route = { pattern: patternOf(path), methods: new Set(), path };
        routes.push(route);
      }
      route.methods.add(method);
      if (method === "GET") route.methods.add("HEAD");
    },
    methodsOf(path) {
      const methods = routes.filter(({ pattern }) => pattern.test(path)).flatMap((route) => [...route.methods]);
      return [...new Set(methods)];
    },
  };
}

/** `/api/orders/{id}` as a pattern. */
function patternOf(path: string): RegExp {
  const segments = path.split("/").map((segment) => (segment.startsWith("{") ? "[^/]+" : RegExp.escape(segment)));
  return new RegExp(`^${segments.join("/")}$`);
}

/** `/api/orders/{id}` as hono writes it: `/api/orders/:id`. */
export function honoPath(path: string): string {
  return path.replaceAll(/\{(\w+)\}/g, ":$1");
}
