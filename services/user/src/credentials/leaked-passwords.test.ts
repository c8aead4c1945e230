import { expect, test } from "bun:test";
import { loadLeakedPasswords } from "./leaked-passwords.ts";

const isLeaked = await loadLeakedPasswords();

test.each([
  ["of the first thousand", "1q2w3e4r5t"],
  ["of the last thousand of a million", "vjht29061987"],
  ["in capitals in the list", "mailcreated5240"],
  ["of a Korean keyboard", "dkssudgktpdy"],
  ["of this year", "password2026"],
])("a leaked password %s is known", (_which, password) => {
  expect(isLeaked(password)).toBeTrue();
});

test.each(["four words and a lamp", "customer-password", "kx9lm2qp7z", "ㅎㅏㄴㄱㅡㄹ 비밀번호"])(
  "%s is not",
  (password) => {
    expect(isLeaked(password)).toBeFalse();
  },
);
