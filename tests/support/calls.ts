import type { Role } from "@shop/contracts/http/define";
import type { ServiceName } from "@shop/contracts/services";

/** One call of the contract's table, recorded from the table and not from the code. */
export interface Call {
  readonly method: string;
  readonly path: string;
  readonly service: ServiceName;
  readonly who: "anyone" | readonly [Role, ...Role[]];
  /** What one gets who may call, without a body: 415 where there must be one. */
  readonly emptyAnswer: 200 | 204 | 404 | 415;
  /** A body that breaks no rule of its schema, where the call takes one. */
  readonly json?: unknown;
}

/** An id that nothing has. */
export const UNKNOWN_ID = "0190a0a0-0000-7000-8000-000000000000";

const everyone = ["customer", "rider", "admin"] as const;
const someone = `/api/users/${UNKNOWN_ID}`;
const newPassword = { username: "nobody", code: "unknown", newPassword: "four words and a lamp" };
const noSecondFactor = { username: "nobody", password: "not this one", secondFactor: "000000" };
const passwordChange = { currentPassword: "not this one", newPassword: "four words and a lamp" };
const product = `/api/products/${UNKNOWN_ID}`;
const order = `/api/orders/${UNKNOWN_ID}`;
const delivery = `/api/deliveries/${UNKNOWN_ID}`;
const newOrder = { items: [{ productId: UNKNOWN_ID, quantity: 1 }], deliveryAddress: "1 Sejong-daero, Seoul" };
const user = { service: "user", who: "anyone", emptyAnswer: 415 } as const;
const toProduct = { service: "product", who: ["admin"], emptyAnswer: 415 } as const;
const toDelivery = { service: "delivery", who: ["rider"], emptyAnswer: 404 } as const;
// Several services answer these, each for its own part; one stands for all.
const toAll = { service: "order", who: ["admin"] } as const;

export const calls: readonly Call[] = [
  { ...user, method: "POST", path: "/api/users", json: { username: "someone", password: "too easy to guess" } },
  { ...user, method: "POST", path: "/login", json: { username: "nobody", password: "too easy to guess" } },
  { ...user, method: "POST", path: "/login/refresh", json: { refreshToken: "unknown" } },
  { ...user, method: "POST", path: "/logout", json: { refreshToken: "unknown" } },
  { ...user, method: "GET", path: "/api/users/me", who: everyone, emptyAnswer: 200 },
  { ...user, method: "GET", path: "/api/users", who: ["admin"], emptyAnswer: 200 },
  { ...user, method: "GET", path: someone, who: ["admin"], emptyAnswer: 404 },
  { ...user, method: "PATCH", path: someone, who: ["admin"], json: { disabled: true } },
  { ...user, method: "POST", path: `${someone}/password-code`, who: ["admin"], emptyAnswer: 404 },
  {
    ...user,
    method: "POST",
    path: "/api/invitations",
    who: ["admin"],
    json: { username: "someone.new", role: "rider" },
  },
  { ...user, method: "POST", path: "/api/password-resets", json: newPassword },
  { ...user, method: "PUT", path: "/api/users/me/password", who: everyone, json: passwordChange },
  { ...user, method: "GET", path: "/api/users/me/sessions", who: everyone, emptyAnswer: 200 },
  { ...user, method: "DELETE", path: "/api/users/me/sessions", who: everyone, emptyAnswer: 204 },
  { ...user, method: "DELETE", path: `/api/users/me/sessions/${UNKNOWN_ID}`, who: everyone, emptyAnswer: 404 },
  { ...user, method: "POST", path: "/api/second-factor", json: { username: "nobody", password: "not this one" } },
  { ...user, method: "POST", path: "/api/second-factor/removal", json: noSecondFactor },
  { ...user, method: "GET", path: "/api/users/me/second-factor", who: everyone, emptyAnswer: 200 },
  { ...user, method: "POST", path: "/api/users/me/recovery-codes", who: everyone, json: { secondFactor: "000000" } },
  { ...user, method: "POST", path: `${someone}/second-factor-reset`, who: ["admin"], emptyAnswer: 404 },
  { ...user, method: "GET", path: "/.well-known/jwks.json", emptyAnswer: 200 },
  { ...toProduct, method: "GET", path: "/api/products", who: "anyone", emptyAnswer: 200 },
  { ...toProduct, method: "GET", path: product, who: "anyone", emptyAnswer: 404 },
  { ...toProduct, method: "POST", path: "/api/products", json: { name: "Tea", price: 1, currency: "KRW" } },
  { ...toProduct, method: "PATCH", path: product, json: { price: 1 } },
  { ...toProduct, method: "DELETE", path: product, emptyAnswer: 404 },
  { ...toProduct, method: "POST", path: `${product}/stock`, json: { delta: 1 } },
  { method: "POST", path: "/api/orders", service: "order", who: ["customer"], emptyAnswer: 415, json: newOrder },
  { method: "GET", path: "/api/orders", service: "order", who: ["customer", "admin"], emptyAnswer: 200 },
  { method: "GET", path: order, service: "order", who: ["customer", "admin"], emptyAnswer: 404 },
  { method: "POST", path: `${order}/cancel`, service: "order", who: ["customer", "admin"], emptyAnswer: 404 },
  { method: "GET", path: `${order}/events`, service: "order", who: ["customer", "admin"], emptyAnswer: 404 },
  { ...toDelivery, method: "GET", path: "/api/deliveries", who: everyone, emptyAnswer: 200 },
  { ...toDelivery, method: "GET", path: delivery, who: everyone },
  { ...toDelivery, method: "PUT", path: `${delivery}/claim` },
  { ...toDelivery, method: "DELETE", path: `${delivery}/claim`, who: ["rider", "admin"] },
  { ...toDelivery, method: "PUT", path: `${delivery}/complete` },
  { ...toDelivery, method: "PUT", path: `${delivery}/fail`, emptyAnswer: 415, json: { reason: "nobody at home" } },
  { method: "GET", path: "/api/sagas", service: "orchestrator", who: ["admin"], emptyAnswer: 200 },
  { method: "GET", path: `/api/sagas/${UNKNOWN_ID}`, service: "orchestrator", who: ["admin"], emptyAnswer: 404 },
  { ...toAll, method: "GET", path: "/api/dead-letters", emptyAnswer: 200 },
  { ...toAll, method: "GET", path: "/api/audit", emptyAnswer: 200 },
  { ...toAll, method: "GET", path: "/api/health", emptyAnswer: 200 },
  { ...toAll, method: "POST", path: `/api/dead-letters/${UNKNOWN_ID}/replay`, emptyAnswer: 415, json: {} },
];

/** Each path with what it allows; HEAD where there is GET. */
export const pathsWithMethods = [...new Set(calls.map(({ path }) => path))].map((path) => {
  const here = calls.filter((call) => call.path === path);
  const methods = here.map(({ method }) => method);
  const allow: readonly string[] = methods.includes("GET") ? [...methods, "HEAD"] : methods;
  return { path, allow, service: here[0]?.service ?? "user" };
});
