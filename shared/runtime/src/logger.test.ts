import { expect, test } from "bun:test";
import { ExplainedError } from "./errors.ts";
import { createLogger } from "./logger.ts";

function logged(level: "info" | "warn" | "error", write: (logger: ReturnType<typeof createLogger>) => void) {
  const lines: string[] = [];
  const clock = { now: () => 0, elapsed: () => 0, sleep: () => Promise.resolve() };
  write(createLogger({ service: "s", level, clock, write: (line) => lines.push(line) }));
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

test("a line is one JSON object with its time, level, service, event, sentence and facts", () => {
  const [line] = logged("info", (logger) => logger.with({ bound: 1 }).info("SAID", "said", { n: 2n }));
  expect(line).toEqual({
    time: "1970-01-01T00:00:00.000Z",
    level: "info",
    service: "s",
    event: "SAID",
    message: "said",
    bound: 1,
    n: "2",
  });
});

test("lines below the level are left out", () => {
  expect(logged("warn", (logger) => logger.info("NOT_SAID", "not said"))).toEqual([]);
});

test("an error shows what may be told of it; its stack only where it should not have happened", () => {
  const error = Object.assign(new ExplainedError("outer", { cause: new Error("inner, not of ours") }), { code: "E1" });
  const [warned, failed] = logged("info", (logger) => {
    logger.warn("W", "w", { error });
    logger.error("E", "e", { error });
  });
  expect(warned?.["error"]).toEqual({ name: "ExplainedError", message: "outer", code: "E1", cause: { name: "Error" } });
  expect(failed?.["error"]).toMatchObject({ message: "outer", stack: expect.stringContaining("logger.test") });
});

test("a failed query's parameters are not in the log, at whatever depth the error lies", () => {
  const error = Object.assign(new Error(`Failed query: select $1 params: ${"x".repeat(100_000)}`), {
    query: `select $1, ${"y".repeat(100_000)}`,
    params: ["x"],
  });
  const [line] = logged("info", (logger) => logger.error("E", "e", { facts: [{ error }] }));
  expect(JSON.stringify(line).length).toBeLessThan(5_000);
  expect(JSON.stringify(line)).toContain("select $1, yyy");
  expect(JSON.stringify(line)).not.toContain("xx");
});
