import { expect, test } from "bun:test";
import { hashOneTimeCode, newOneTimeCode } from "./one-time-code.ts";

test("a code is four groups of letters that cannot be mistaken for each other, and never comes twice", () => {
  const codes = Array.from({ length: 2_000 }, newOneTimeCode);
  for (const code of codes) expect(code).toMatch(/^(?:[2-9A-HJKMNP-TV-Z]{5}-){3}[2-9A-HJKMNP-TV-Z]{5}$/);
  expect(new Set(codes).size).toBe(codes.length);
  // Each of the 30 letters is about a thirtieth of 40,000.
  const counts = Map.groupBy(codes.join("").replaceAll("-", ""), (letter) => letter);
  expect(counts.size).toBe(30);
  for (const { length } of counts.values()) expect(Math.abs(length - 1_333)).toBeLessThan(300);
});

test("a code is the same in small letters, with spaces and without its groups", () => {
  const code = "7K2MX-QW9RT-4HNPC-VB8DZ";
  for (const typed of ["7k2mx-qw9rt-4hnpc-vb8dz", "7K2MX QW9RT 4HNPC VB8DZ", " 7K2MXQW9RT4HNPCVB8DZ\n"])
    expect(hashOneTimeCode(typed)).toEqual(hashOneTimeCode(code));
  expect(hashOneTimeCode("7K2MX-QW9RT-4HNPC-VB8DY")).not.toEqual(hashOneTimeCode(code));
});
