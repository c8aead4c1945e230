/** Where a call is, what it takes, whether it is answered with events, and whether it takes an idempotency key. */
export interface Route {
  readonly method: string;
  readonly path: string;
  readonly takes: "nothing" | "body" | "query";
  readonly stream: boolean;
  readonly key: boolean;
}

/** Generated from the contract: `bun run generate:client`. A test compares it. */
export const routes = {
  createUser: { method: "POST", path: "/api/users", takes: "body", stream: false, key: false },
  login: { method: "POST", path: "/login", takes: "body", stream: false, key: false },
  refreshLogin: { method: "POST", path: "/login/refresh", takes: "body", stream: false, key: true },
  logout: { method: "POST", path: "/logout", takes: "body", stream: false, key: false },
  getMe: { method: "GET", path: "/api/users/me", takes: "nothing", stream: false, key: false },
  getKeys: { method: "GET", path: "/.well-known/jwks.json", takes: "nothing", stream: false, key: false },
  listProducts: { method: "GET", path: "/api/products", takes: "query", stream: false, key: false },
  getProduct: { method: "GET", path: "/api/products/{id}", takes: "nothing", stream: false, key: false },
  createProduct: { method: "POST", path: "/api/products", takes: "body", stream: false, key: false },
  changeProduct: { method: "PATCH", path: "/api/products/{id}", takes: "body", stream: false, key: false },
  withdrawProduct: { method: "DELETE", path: "/api/products/{id}", takes: "nothing", stream: false, key: false },
  changeStock: { method: "POST", path: "/api/products/{id}/stock", takes: "body", stream: false, key: false },
  createOrder: { method: "POST", path: "/api/orders", takes: "body", stream: false, key: true },
  listOrders: { method: "GET", path: "/api/orders", takes: "query", stream: false, key: false },
  getOrder: { method: "GET", path: "/api/orders/{id}", takes: "nothing", stream: false, key: false },
  cancelOrder: { method: "POST", path: "/api/orders/{id}/cancel", takes: "nothing", stream: false, key: false },
  watchOrder: { method: "GET", path: "/api/orders/{id}/events", takes: "nothing", stream: true, key: false },
  listDeliveries: { method: "GET", path: "/api/deliveries", takes: "query", stream: false, key: false },
  getDelivery: { method: "GET", path: "/api/deliveries/{id}", takes: "nothing", stream: false, key: false },
  claimDelivery: { method: "PUT", path: "/api/deliveries/{id}/claim", takes: "nothing", stream: false, key: false },
  releaseDelivery: {
    method: "DELETE",
    path: "/api/deliveries/{id}/claim",
    takes: "nothing",
    stream: false,
    key: false,
  },
  completeDelivery: {
    method: "PUT",
    path: "/api/deliveries/{id}/complete",
    takes: "nothing",
    stream: false,
    key: false,
  },
  failDelivery: { method: "PUT", path: "/api/deliveries/{id}/fail", takes: "body", stream: false, key: false },
  listSagas: { method: "GET", path: "/api/sagas", takes: "query", stream: false, key: false },
  getSaga: { method: "GET", path: "/api/sagas/{id}", takes: "nothing", stream: false, key: false },
  retrySaga: { method: "POST", path: "/api/sagas/{id}/retry", takes: "nothing", stream: false, key: false },
  cancelSaga: { method: "POST", path: "/api/sagas/{id}/cancel", takes: "nothing", stream: false, key: false },
  listDeadLetters: { method: "GET", path: "/api/dead-letters", takes: "query", stream: false, key: false },
  replayDeadLetter: { method: "POST", path: "/api/dead-letters/{id}/replay", takes: "body", stream: false, key: false },
  replayDeadLetters: { method: "POST", path: "/api/dead-letters/replay", takes: "body", stream: false, key: false },
  getHealth: { method: "GET", path: "/api/health", takes: "nothing", stream: false, key: false },
} as const satisfies Readonly<Record<string, Route>>;
