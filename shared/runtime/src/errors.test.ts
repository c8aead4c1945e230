import { describe, expect, test } from "bun:test";
import { z } from "zod";
import { describeError, errorText, errorTextWithStack, ExplainedError, issuesText } from "./errors.ts";

/** What must never be written. */
const SECRET = "hunter2-Sejong-daero";

/** As drizzle-orm and postgres.js throw it. */
function failedQuery(): Error {
  const cause = Object.assign(new Error('duplicate key value violates unique constraint "users_username_unique"'), {
    name: "PostgresError",
    severity: "ERROR",
    code: "23505",
    detail: `Key (username)=(${SECRET}) already exists.`,
    where: `COPY users, line 1: "${SECRET}"`,
    table_name: "users",
    constraint_name: "users_username_unique",
  });
  const query = "insert into users (id, password_hash)\n values ($1, $2)";
  const message = `Failed query: ${query}\nparams: 1,$argon2id$${SECRET}`;
  return Object.assign(new Error(message, { cause }), { query, params: ["1", `$argon2id$${SECRET}`] });
}

test("a failed statement is told with its text, constraint and table, and without a parameter or a row", () => {
  expect(describeError(failedQuery())).toEqual({
    name: "Error",
    statement: "insert into users (id, password_hash) values ($1, $2)",
    cause: {
      name: "PostgresError",
      code: "23505",
      message: 'duplicate key value violates unique constraint "users_username_unique"',
      table: "users",
      constraint: "users_username_unique",
    },
  });
  expect(errorText(failedQuery())).toBe(
    'Error (statement insert into users (id, password_hash) values ($1, $2)), caused by duplicate key value violates unique constraint "users_username_unique" (code 23505, table users, constraint users_username_unique)',
  );
});

describe("whatever an error holds, its text and its facts are without it:", () => {
  const jsonError = () => {
    try {
      return JSON.parse(`{"password": ${SECRET}`) as never;
    } catch (error) {
      return error;
    }
  };
  const urlError = () => {
    try {
      return new URL(`postgres://user:${SECRET}@host:port/db`) as never;
    } catch (error) {
      return error;
    }
  };
  const headerError = () => {
    try {
      return new Headers({ authorization: `Bearer ${SECRET}\n` }) as never;
    } catch (error) {
      return error;
    }
  };
  const schema = z.strictObject({ password: z.string().min(100), role: z.enum(["admin"]), at: z.iso.datetime() });
  const cases: [string, () => unknown][] = [
    ["a failed query", failedQuery],
    ["JSON that cannot be parsed", jsonError],
    ["an address with a password", urlError],
    ["a header", headerError],
    [
      "data that breaks a schema, in an unknown key too",
      () => schema.safeParse({ password: SECRET, role: SECRET, at: SECRET, [SECRET]: 1 }, { reportInput: true }).error,
    ],
    [
      "PostgreSQL's refusal of a value",
      () =>
        Object.assign(new Error(`invalid input syntax for type uuid: "${SECRET}"`), {
          severity: "ERROR",
          code: "22P02",
        }),
    ],
    [
      "kafkajs' refusal of a message",
      () =>
        Object.assign(new Error(`Invalid message without value: {"value":"${SECRET}"}`), {
          name: "KafkaJSNonRetriableError",
          retriable: false,
        }),
    ],
    ["an error that was explained, in its cause", () => new ExplainedError("it failed", { cause: new Error(SECRET) })],
    ["several errors at once", () => new AggregateError([new Error(SECRET)], SECRET)],
    ["what is no error", () => SECRET],
    ["a cause that is no error", () => new Error("outer", { cause: { password: SECRET } })],
    [
      "properties",
      () => Object.assign(new Error("x"), { code: `${SECRET} `, body: SECRET, hostname: `${SECRET}/`, type: SECRET }),
    ],
    ["a message that looks like a stack", () => new Error(`outer\n    at ${SECRET} (file.ts:1:1)\n    at ${SECRET}`)],
  ];
  test.each(cases)("%s", (_, make) => {
    const error = make();
    expect(JSON.stringify(describeError(error, true))).not.toContain(SECRET);
    expect(errorTextWithStack(error)).not.toContain(SECRET);
    expect(errorText(error)).not.toBeEmpty();
  });
});

test("an error of ours is told with its explanation, and whence it came only where that is asked for", () => {
  class Late extends ExplainedError {
    override readonly name = "Late";
  }
  const error = new Late("the gateway did not answer within 50 ms", {
    cause: Object.assign(new Error("connect"), {
      code: "ECONNREFUSED",
      syscall: "connect",
      address: "127.0.0.1",
      port: 1,
    }),
  });
  expect(describeError(error)).toEqual({
    name: "Late",
    message: "the gateway did not answer within 50 ms",
    cause: { name: "Error", code: "ECONNREFUSED", syscall: "connect", address: "127.0.0.1", port: 1 },
  });
  expect(errorText(error)).toBe(
    "the gateway did not answer within 50 ms, caused by ECONNREFUSED (syscall connect, address 127.0.0.1, port 1)",
  );
  expect(describeError(error, true)["stack"]).toContain("errors.test.ts");
  expect(errorTextWithStack(error)).toMatch(/, caused by ECONNREFUSED .*\n {4}at /);
});

test("an error that has nothing but a name is told with where it was thrown", () => {
  expect(errorText(new TypeError(SECRET))).toMatch(/^TypeError \(at .*errors\.test\.ts:\d+:\d+\)+$/);
});

test("causes that lead to themselves end", () => {
  const error = new Error("round");
  error.cause = error;
  expect(errorText(error)).toBe(
    "Error, caused by Error, caused by Error, caused by Error, caused by Error, caused by Error",
  );
});

test("what breaks a schema is told by its path and by what is expected there", () => {
  const { error } = z
    .strictObject({ items: z.array(z.object({ id: z.uuid() })) })
    .safeParse({ items: [{ id: 1 }], x: 1 });
  expect(issuesText(error?.issues ?? [])).toBe(
    "items.0.id: Invalid input: expected string, received number; (whole): has keys that are not known",
  );
});
