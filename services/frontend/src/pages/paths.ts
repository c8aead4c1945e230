/** The addresses of the pages, as patterns. All of them are one document, in which the script shows the right page. */
export const pagePaths = {
  shop: "/",
  signIn: "/sign-in",
  signUp: "/sign-up",
  cart: "/cart",
  orders: "/orders",
  order: "/orders/{id}",
  rider: "/rider",
  overview: "/admin",
  adminOrders: "/admin/orders",
  sagas: "/admin/sagas",
  saga: "/admin/sagas/{id}",
  deadLetters: "/admin/dead-letters",
  products: "/admin/products",
} as const;

export type PageName = keyof typeof pagePaths;
