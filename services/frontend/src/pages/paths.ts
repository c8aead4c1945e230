/** The addresses of the pages, as patterns. All of them are one document, in which the script shows the right page. */
export const pagePaths = {
  shop: "/",
  signIn: "/sign-in",
  signUp: "/sign-up",
  setPassword: "/set-password",
  account: "/account",
  cart: "/cart",
  orders: "/orders",
  order: "/orders/{id}",
  rider: "/rider",
  adminOrders: "/admin/orders",
  adminOrder: "/admin/orders/{id}",
  sagas: "/admin",
  saga: "/admin/sagas/{id}",
  deliveries: "/admin/deliveries",
  products: "/admin/products",
  deadLetters: "/admin/dead-letters",
  webhooks: "/admin/webhooks",
  users: "/admin/users",
  audit: "/admin/audit",
  health: "/admin/health",
} as const;

export type PageName = keyof typeof pagePaths;
