import { expect, test } from "bun:test";
import { isStaleStatement, isStatementTimeout, isTransient } from "./errors.ts";

const withCode = (code: string) => Object.assign(new Error(code), { code });
const wrapped = (code: string) => new Error("Failed query", { cause: withCode(code) });

test("an absent, restarting, overloaded or deadlocked database, or one that lets nobody in, is waited for, also when Drizzle has wrapped its error", () => {
  for (const code of [
    "ECONNREFUSED",
    "CONNECTION_CLOSED",
    "CONNECT_TIMEOUT",
    "08006",
    "28000",
    "28P01",
    "3D000",
    "40001",
    "40P01",
    "53300",
    "53100",
    "57P01",
    "57P03",
    "57014",
    "58030",
    "25006",
    "26000",
  ]) {
    expect(isTransient(withCode(code))).toBe(true);
    expect(isTransient(wrapped(code))).toBe(true);
  }
});

test("what is wrong with the work itself is not waited for", () => {
  for (const code of ["23505", "23514", "22P02", "42P01", "TRANSACTION_ENDED"])
    expect(isTransient(wrapped(code))).toBe(false);
  for (const error of [new TypeError("a bug"), undefined, "text"]) expect(isTransient(error)).toBe(false);
});

test("a prepared statement that has become stale is told from one that is wrong", () => {
  const from = (code: string, routine: string) =>
    new Error("Failed query", { cause: Object.assign(new Error(code), { code, routine }) });
  const changed = from("0A000", "RevalidateCachedQuery");
  expect([isStaleStatement(changed), isTransient(changed)]).toEqual([true, true]);
  const wrong = from("0A000", "transformLockingClause");
  expect([isStaleStatement(wrong), isTransient(wrong)]).toEqual([false, false]);
  // Repeated once it has been prepared again; when it still fails it is a bug, and not waited for.
  for (const error of [from("42804", "transformAssignedExpr"), from("42883", "op_error")])
    expect([isStaleStatement(error), isTransient(error)]).toEqual([true, false]);
});

test("a statement that ran for too long is told apart: its work must be cut up", () => {
  expect([isStatementTimeout(wrapped("57014")), isStatementTimeout(wrapped("40001"))]).toEqual([true, false]);
});
