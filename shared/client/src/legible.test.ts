import { expect, test } from "bun:test";
import { legible } from "./legible.ts";

test("what a message hides is seen, and what it says stays as it is", () => {
  expect(legible('{"name": "달항아리 🏺",\n\t"price": 1}')).toBe('{"name": "달항아리 🏺",\n\t"price": 1}');
  expect(legible("a\u0000b\u001b[31m\u007f\r")).toBe("a\\u{0}b\\u{1b}[31m\\u{7f}\\u{d}");
  expect(legible("\u202Egnp.exe\u2066\u200B\uFEFF\u2028")).toBe("\\u{202e}gnp.exe\\u{2066}\\u{200b}\\u{feff}\\u{2028}");
});
