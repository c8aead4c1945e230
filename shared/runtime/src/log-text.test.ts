import { expect, test } from "bun:test";
import { logLineAsText, logWriter } from "./log-text.ts";

const LINE = JSON.stringify({
  time: "2026-11-23T04:05:06.789Z",
  level: "warn",
  service: "order",
  event: "BROKER_AWAY",
  message: "the broker is away",
  waiting: 3,
  orderId: "01900000-0000-7000-8000-000000000001",
  error: { name: "Error", message: "refused\nby a peer" },
});
const TEXT =
  '04:05:06.789 WARN  order        the broker is away BROKER_AWAY waiting=3 orderId=01900000-0000-7000-8000-000000000001 error={"name":"Error","message":"refused\\nby a peer"}';

function written(format: "json" | "text" | undefined, isTTY: boolean, noColor?: string): string {
  let text = "";
  logWriter(format, noColor, { isTTY, write: (part) => (text += part) })(LINE);
  return text;
}

test("a person reads one aligned line: time, level, service, sentence, event code and facts", () => {
  expect(logLineAsText(LINE, { color: false })).toBe(TEXT);
  expect(logLineAsText(LINE, { color: false, source: "order-2" })).toContain(" WARN  order-2      the broker");
});

test("at a terminal the format is text, in colour unless NO_COLOR is set; anywhere else JSON", () => {
  expect(written(undefined, false)).toBe(`${LINE}\n`);
  expect(written(undefined, true, "1")).toBe(`${TEXT}\n`);
  expect(written(undefined, true)).toContain("\u001b[33mWARN \u001b[0m order");
  expect(written(undefined, true)).not.toBe(`${TEXT}\n`);
});

test("a format that is asked for is the one that is written, wherever it goes", () => {
  expect(written("json", true)).toBe(`${LINE}\n`);
  expect(written("text", false)).toBe(`${TEXT}\n`);
});

test("what is no line of the log comes out as it is", () => {
  for (const text of ["Error: no such file", "{not JSON", '{"a":1}', "", "[1]"])
    expect(logLineAsText(text, { color: true })).toBe(text);
});

test("nothing in a line can command the terminal or break the line", () => {
  const evil = JSON.stringify({ level: "info", message: "a\u001b[2Jb\nc", path: "/\u009b2J\r", other: "x\u0007" });
  expect(logLineAsText(evil, { color: false })).not.toMatch(/\p{Cc}/u);
});
