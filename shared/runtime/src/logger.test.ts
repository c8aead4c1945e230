import { expect, test } from "bun:test";
import { createLogger } from "./logger.ts";

function logged(level: "info" | "warn" | "error", write: (logger: ReturnType<typeof createLogger>) => void) {
  const lines: string[] = [];
  const clock = { now: () => 0, elapsed: () => 0, sleep: () => Promise.resolve() };
  write(createLogger({ service: "s", level, clock, write: (line) => lines.push(line) }));
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

test("a line is one JSON object with its time, level, service, sentence and facts", () => {
  const [line] = logged("info", (logger) => logger.with({ bound: 1 }).info("said", { n: 2n }));
  expect(line).toEqual({
    time: "1970-01-01T00:00:00.000Z",
    level: "info",
    service: "s",
    message: "said",
    bound: 1,
    n: "2",
  });
});

test("lines below the level are left out", () => {
  expect(logged("warn", (logger) => logger.info("not said"))).toEqual([]);
});

test("an error shows its message, code and cause; its stack only where it should not have happened", () => {
  const error = Object.assign(new Error("outer", { cause: new Error("inner") }), { code: "E1" });
  const [warned, failed] = logged("info", (logger) => {
    logger.warn("w", { error });
    logger.error("e", { error });
  });
  expect(warned?.["error"]).toEqual({
    name: "Error",
    message: "outer",
    code: "E1",
    cause: { name: "Error", message: "inner" },
  });
  expect(failed?.["error"]).toMatchObject({ message: "outer", stack: expect.stringContaining("logger.test") });
});

test("a failed query's parameters do not flood the log", () => {
  const error = new Error(`Failed query: insert … params: ${"x".repeat(100_000)}`);
  const [line] = logged("info", (logger) => logger.error("e", { error }));
  expect(JSON.stringify(line).length).toBeLessThan(5_000);
  expect(JSON.stringify(line)).toContain("Failed query: insert");
});
