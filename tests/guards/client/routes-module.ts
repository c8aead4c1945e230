import type { EndpointRoute } from "@shop/client/routes";
import { allEndpoints } from "@shop/contracts/http/endpoints";

/** What the client has to know of each call, from the contract. */
export function currentRoutes(): Readonly<Record<string, EndpointRoute>> {
  return Object.fromEntries(
    allEndpoints.map(({ name, method, path, body, query, headers, success }) => {
      const takes = body === undefined ? (query === undefined ? "nothing" : "query") : "body";
      const facts = {
        key: "idempotency-key" in headers,
        // What is only read needs no version of the caller's.
        version: method !== "GET" && "if-match" in headers,
      };
      return [name, { method, path, takes, stream: success.stream ?? false, ...facts }];
    }),
  );
}

/** The module that holds them as plain data, so that a page which uses the client does not load the schemas as well. */
export function routesModule(routes: Readonly<Record<string, EndpointRoute>> = currentRoutes()): string {
  const rows = Object.entries(routes).map(([name, route]) => `  ${name}: ${JSON.stringify(route)},`);
  return `/** Where a call is, what it takes, whether it is answered with events, and whether it takes an idempotency key or the version that it is to change. */
export interface EndpointRoute {
  readonly method: string;
  readonly path: string;
  readonly takes: "nothing" | "body" | "query";
  readonly stream: boolean;
  readonly key: boolean;
  readonly version: boolean;
}

/** Generated from the contract: \`bun run generate:client\`. A test compares it. */
export const routes = {
${rows.join("\n")}
} as const satisfies Readonly<Record<string, EndpointRoute>>;
`;
}
