import { expect, test } from "bun:test";
import { allEndpoints } from "../http/endpoints.ts";
import * as httpDeadLetter from "../http/dead-letter.ts";
import * as httpDelivery from "../http/delivery.ts";
import * as httpHealth from "../http/health.ts";
import * as httpOrder from "../http/order.ts";
import * as httpProduct from "../http/product.ts";
import * as httpSaga from "../http/saga.ts";
import * as httpUser from "../http/user.ts";
import * as httpAccount from "../http/account.ts";
import * as httpAudit from "../http/audit.ts";
import * as httpPassword from "../http/password.ts";
import * as httpSession from "../http/session.ts";
import * as httpWhy from "../http/why.ts";
import * as audit from "./audit.ts";
import { allMessages } from "./registry.ts";
import * as delivery from "./delivery.ts";
import * as order from "./order.ts";
import * as product from "./product.ts";

test("every message that a file defines is registered, or its receivers would not know it", () => {
  const defined = [audit, delivery, order, product]
    .flatMap((file) => Object.values<unknown>(file))
    .filter((value) => typeof value === "object" && value !== null && "topic" in value);
  expect(new Set<unknown>(allMessages)).toEqual(new Set(defined));
  expect(new Set(allMessages.map(({ type }) => type)).size).toBe(allMessages.length);
});

test("every call that a file defines is registered, or the gateway would not know it", () => {
  const files = [
    httpDeadLetter,
    httpDelivery,
    httpHealth,
    httpOrder,
    httpProduct,
    httpSaga,
    httpUser,
    httpAccount,
    httpAudit,
    httpPassword,
    httpSession,
    httpWhy,
  ];
  const defined = files
    .flatMap((file) => Object.values<unknown>(file))
    .filter((value): value is { name: string } => typeof value === "object" && value !== null && "access" in value);
  // By name: what is wrong with a whole definition takes half a minute to print.
  expect(allEndpoints.map(({ name }) => name).toSorted()).toEqual(defined.map(({ name }) => name).toSorted());
  expect(new Set(allEndpoints.map(({ name }) => name)).size).toBe(allEndpoints.length);
});
