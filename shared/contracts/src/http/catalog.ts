import type { Endpoint } from "./define.ts";
import * as delivery from "./delivery.ts";
import * as order from "./order.ts";
import * as product from "./product.ts";
import * as saga from "./saga.ts";
import * as user from "./user.ts";

/** Every call of the public API. */
export const allEndpoints: readonly Endpoint[] = [
  user.createUser,
  user.login,
  user.refreshLogin,
  user.logout,
  user.getMe,
  user.getKeys,
  product.listProducts,
  product.getProduct,
  product.createProduct,
  product.changeProduct,
  product.withdrawProduct,
  product.changeStock,
  order.createOrder,
  order.listOrders,
  order.getOrder,
  order.cancelOrder,
  order.watchOrder,
  delivery.listDeliveries,
  delivery.getDelivery,
  delivery.claimDelivery,
  delivery.releaseDelivery,
  delivery.completeDelivery,
  delivery.failDelivery,
  saga.listSagas,
  saga.getSaga,
  saga.retrySaga,
  saga.cancelSaga,
];
