import * as account from "./account.ts";
import * as audit from "./audit.ts";
import * as bulk from "./bulk.ts";
import * as deadLetter from "./dead-letter.ts";
import type { Endpoint } from "./define.ts";
import * as delivery from "./delivery.ts";
import * as health from "./health.ts";
import * as order from "./order.ts";
import * as password from "./password.ts";
import * as product from "./product.ts";
import * as saga from "./saga.ts";
import * as secondFactor from "./second-factor.ts";
import * as session from "./session.ts";
import * as user from "./user.ts";
import * as webhook from "./webhook.ts";
import * as why from "./why.ts";

/** Every call of the public API, by its name. */
export const endpoints = {
  createUser: user.createUser,
  login: user.login,
  refreshLogin: user.refreshLogin,
  logout: user.logout,
  getMe: user.getMe,
  getKeys: user.getKeys,
  listUsers: account.listUsers,
  getUser: account.getUser,
  changeUser: account.changeUser,
  resetSecondFactor: secondFactor.resetSecondFactor,
  inviteUser: password.inviteUser,
  issuePasswordCode: password.issuePasswordCode,
  resetPassword: password.resetPassword,
  changePassword: password.changePassword,
  listSessions: session.listSessions,
  endSession: session.endSession,
  endSessions: session.endSessions,
  beginSecondFactor: secondFactor.beginSecondFactor,
  removeSecondFactor: secondFactor.removeSecondFactor,
  getSecondFactor: secondFactor.getSecondFactor,
  renewRecoveryCodes: secondFactor.renewRecoveryCodes,
  listProducts: product.listProducts,
  getProduct: product.getProduct,
  createProduct: product.createProduct,
  changeProduct: product.changeProduct,
  withdrawProduct: product.withdrawProduct,
  changeStock: product.changeStock,
  createOrder: order.createOrder,
  listOrders: order.listOrders,
  getOrder: order.getOrder,
  cancelOrder: order.cancelOrder,
  watchOrder: order.watchOrder,
  listDeliveries: delivery.listDeliveries,
  getDelivery: delivery.getDelivery,
  claimDelivery: delivery.claimDelivery,
  releaseDelivery: delivery.releaseDelivery,
  completeDelivery: delivery.completeDelivery,
  failDelivery: delivery.failDelivery,
  listSagas: saga.listSagas,
  getSaga: saga.getSaga,
  getSagaPicture: saga.getSagaPicture,
  listSagaHistory: saga.listSagaHistory,
  retrySaga: saga.retrySaga,
  cancelSaga: saga.cancelSaga,
  bulkSagas: bulk.bulkSagas,
  listSagaBulks: bulk.listSagaBulks,
  getSagaBulk: bulk.getSagaBulk,
  stopSagaBulk: bulk.stopSagaBulk,
  bulkDeliveries: bulk.bulkDeliveries,
  listDeliveryBulks: bulk.listDeliveryBulks,
  getDeliveryBulk: bulk.getDeliveryBulk,
  stopDeliveryBulk: bulk.stopDeliveryBulk,
  bulkDeadLetters: bulk.bulkDeadLetters,
  listDeadLetterBulks: bulk.listDeadLetterBulks,
  getDeadLetterBulk: bulk.getDeadLetterBulk,
  stopDeadLetterBulk: bulk.stopDeadLetterBulk,
  explainOrder: why.explainOrder,
  listWebhooks: webhook.listWebhooks,
  getWebhook: webhook.getWebhook,
  createWebhook: webhook.createWebhook,
  changeWebhook: webhook.changeWebhook,
  removeWebhook: webhook.removeWebhook,
  renewWebhookSecret: webhook.renewWebhookSecret,
  listWebhookDeliveries: webhook.listWebhookDeliveries,
  replayWebhook: webhook.replayWebhook,
  listDeadLetters: deadLetter.listDeadLetters,
  replayDeadLetter: deadLetter.replayDeadLetter,
  replayDeadLetters: deadLetter.replayDeadLetters,
  listAuditEntries: audit.listAuditEntries,
  getHealth: health.getHealth,
} as const;

export const allEndpoints: readonly Endpoint[] = Object.values(endpoints);
