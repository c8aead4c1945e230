import { expect, test } from "bun:test";
import { newTotpSecret, shownTotpSecret, totpStepOf, totpUri } from "./one-time-password.ts";

/** RFC 6238, appendix B: the last six of its eight digits. */
const SECRET = Buffer.from("12345678901234567890");

test.each([
  [59, "287082"],
  [1_111_111_109, "081804"],
  [1_234_567_890, "005924"],
  [20_000_000_000, "353130"],
])("the code of second %d is that of the specification", (second, code) => {
  expect(totpStepOf(code, SECRET, second * 1_000)).toBe(Math.floor(second / 30));
});

test("a code is good one step before and after its own, and then no more", () => {
  const step = 41_152_263;
  const at = (steps: number) => totpStepOf("005924", SECRET, (step + steps) * 30_000);
  expect([-2, -1, 0, 1, 2].map(at)).toEqual([undefined, step, step, step, undefined]);
  for (const wrong of ["005925", "5924", "", "abcdef", "0059240"])
    expect(totpStepOf(wrong, SECRET, step * 30_000)).toBeUndefined();
});

test("a secret is random, and is told to apps as they take it", () => {
  const secret = newTotpSecret();
  expect(secret).toHaveLength(20);
  expect(secret.equals(newTotpSecret())).toBeFalse();
  expect(totpUri(SECRET, { issuer: "Moon Jar", username: "kim" })).toBe(
    `otpauth://totp/Moon%20Jar:kim?issuer=Moon%20Jar&secret=${shownTotpSecret(SECRET)}&algorithm=SHA1&digits=6&period=30`,
  );
});
