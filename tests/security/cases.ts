import { roles, type Endpoint, type Role } from "@shop/contracts/http/define";
import { allEndpoints } from "@shop/contracts/http/endpoints";

/** Who sends a request that must be refused. */
export type Sender =
  | { readonly kind: "nobody" }
  /** With a token whose role was changed, or that says it needs no signature. */
  | { readonly kind: "forged"; readonly how: "role" | "unsigned" }
  /** Somebody with this role who may make the call, but for nobody else's things. */
  | { readonly kind: "role"; readonly role: Role };

/** One request that must be refused, and how. */
export interface RefusedCase {
  readonly name: string;
  readonly endpoint: Endpoint;
  readonly sender: Sender;
  readonly method: string;
  /** Put behind the path. */
  readonly query: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
  readonly status: number;
}

const JSON_TYPE = { "content-type": "application/json" };
const TOO_LARGE = `{"text":"${"x".repeat(262_144)}"}`;
const nobody: Sender = { kind: "nobody" };
const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"];

/** What an allowed sender is: somebody with the first role that may make the call. */
const allowed = ({ access }: Endpoint): Sender =>
  access === "anyone" ? nobody : { kind: "role", role: access[0] ?? "admin" };

function casesOf(endpoint: Endpoint): readonly RefusedCase[] {
  const { method, path, access, body, query, success } = endpoint;
  const refused = (
    what: string,
    status: number,
    sender: Sender,
    more: Partial<Pick<RefusedCase, "method" | "query" | "headers" | "body">> = {},
  ): RefusedCase => ({
    name: `${more.method ?? method} ${path} ${what}: ${status}`,
    ...{ endpoint, sender, method, query: "", headers: {}, body: body === undefined ? undefined : "{}", status },
    ...more,
  });
  const json = (text: string) => ({ headers: JSON_TYPE, body: text });
  const isPublic = access === "anyone";
  const others = isPublic ? [] : roles.filter((role) => !access.includes(role));
  return [
    ...(isPublic
      ? []
      : [
          refused("without a token", 401, nobody),
          refused("with a token whose role was changed", 401, { kind: "forged", how: "role" }),
          refused("with a token without a signature", 401, { kind: "forged", how: "unsigned" }),
        ]),
    ...others.map((role) => refused(`as ${role}`, 403, { kind: "role", role }, json(body === undefined ? "" : "{}"))),
    ...(body === undefined
      ? []
      : [
          refused("with a body that is too large", 413, allowed(endpoint), json(TOO_LARGE)),
          refused("with a body that is no JSON by its type", 415, allowed(endpoint), {
            headers: { "content-type": "text/plain" },
          }),
          refused("with half a body", 400, allowed(endpoint), json('{"a":')),
          refused("with fields that it does not take", 422, allowed(endpoint), json('{"role":"admin","isAdmin":true}')),
          refused("with a list for a body", 422, allowed(endpoint), json("[1]")),
        ]),
    ...(query === undefined || success.stream === true
      ? []
      : [
          refused("with a filter that it does not take", 422, allowed(endpoint), { query: "?role[$ne]=x" }),
          refused("with a cursor of nobody's", 422, allowed(endpoint), { query: "?cursor=%27%20or%201%3D1--" }),
        ]),
  ];
}

/** Every request that the calls of the API must refuse whoever it is about, derived from their definitions. */
export const refusedCases: readonly RefusedCase[] = [
  ...allEndpoints.flatMap(casesOf),
  ...[...Map.groupBy(allEndpoints, ({ path }) => path)].flatMap(([path, here]) => {
    const [endpoint] = here;
    const taken = new Set<string>(here.map(({ method }) => method));
    const wrong = METHODS.find((method) => !taken.has(method));
    return endpoint === undefined || wrong === undefined
      ? []
      : [
          {
            ...{ name: `${wrong} ${path}: 405`, endpoint, sender: nobody, method: wrong, query: "", headers: {} },
            ...{ body: undefined, status: 405 },
          },
        ];
  }),
];

/** The calls about one thing that customers may make: with the id of somebody else's they are 404. */
export const callsOnOwnThings = allEndpoints.filter(
  ({ path, access }) =>
    access !== "anyone" && access.includes("customer") && /^\/api\/(orders|deliveries)\/\{/.test(path),
);
