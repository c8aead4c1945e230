import { describe, expect, test } from "bun:test";
import { escapeInvisible, harmless, isolated, piecesOf } from "./escape-invisible.ts";

test("what a message hides is seen, and what it says stays as it is", () => {
  expect(escapeInvisible('{"name": "달항아리 🏺",\n\t"price": 1}')).toBe('{"name": "달항아리 🏺",\n\t"price": 1}');
  expect(escapeInvisible("a\u0000b\u001b[31m\u007f\r")).toBe("a\\u{0}b\\u{1b}[31m\\u{7f}\\u{d}");
  expect(escapeInvisible("\u202Egnp.exe\u2066\u200B\uFEFF\u2028")).toBe(
    "\\u{202e}gnp.exe\\u{2066}\\u{200b}\\u{feff}\\u{2028}",
  );
  expect(escapeInvisible("a\u3164b\u2800\u00ad\ufe0f")).toBe("a\\u{3164}b\\u{2800}\\u{ad}\\u{fe0f}");
});

describe("what a person wrote", () => {
  test.each([
    "Müller, 2. OG (Hof)",
    "서울 중구 세종대로 1, 3층",
    "👨‍👩‍👧 ❤️ 🏴󠁧󠁢󠁥󠁮󠁧󠁿 1️⃣ 👍🏽",
    "می‌خواهم",
    "क्‍ष",
    "שלום עולם",
    "Nguyễn Thị Ánh",
    "ก็ น้ำ",
    "two\nlines\tand a tab",
  ])("in any language stays as it is: %s", (text) => {
    expect(harmless(text)).toBe(text);
  });

  test.each([
    ["\u202eevil\u202c", "\\u{202e}evil\\u{202c}"],
    ["\u2066a\u2069b\u200f", "\\u{2066}a\\u{2069}b\\u{200f}"],
    ["ad\u200bmin\u200d\ufeff", "ad\\u{200b}min\\u{200d}\\u{feff}"],
    ["a\u00adb\u034f\u115f\u3164\uffa0\u2800", "a\\u{ad}b\\u{34f}\\u{115f}\\u{3164}\\u{ffa0}\\u{2800}"],
    ["a\ufe0fb\u{e0041}", "a\\u{fe0f}b\\u{e0041}"],
    ["a\u2028b\u0085", "a\\u{2028}b\\u{85}"],
  ])("shows what it hides: %j", (text, shown) => {
    expect(harmless(text)).toBe(shown);
  });

  test("covers no other line with a pile of marks", () => {
    expect(harmless(`Z${"\u0335".repeat(200)}algo`)).toBe(`Z${"\u0335".repeat(8)}…algo`);
  });

  test("leaves the direction of the sentence around it alone", () => {
    expect(isolated("שלום\u202e")).toBe("\u2068שלום\\u{202e}\u2069");
  });

  test("tells letters that look like Latin ones where they stand between those, and nowhere else", () => {
    const told = (text: string) =>
      piecesOf(text)
        .map(({ text: piece, isLookAlike }) => (isLookAlike ? `[${piece}]` : piece))
        .join("");
    expect(told("Dem\u043e \u0430dmin")).toBe("Dem[\u043e] [\u0430]dmin");
    expect(told("p\u0430yp\u0430l 24\u0441m")).toBe("p[\u0430]yp[\u0430]l 24[\u0441]m");
    for (const text of ["Москва, ул. Ленина 1", "Αθήνα", "Moscow (Москва)", "10 μm", "달항아리 Jar", "", "!?"]) {
      expect(told(text)).toBe(text);
      expect(piecesOf(text).length).toBeLessThanOrEqual(1);
    }
  });
});
