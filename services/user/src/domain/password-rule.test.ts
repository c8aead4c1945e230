import { expect, test } from "bun:test";
import { NewPassword } from "@shop/contracts/http/user";
import { commonPasswords } from "./common-passwords.ts";
import { weaknessOf } from "./password-rule.ts";

const isLeaked = (lowered: string) => lowered === "password123";

test.each(["password123", "PassWord123"])("%s is refused in any case, since it is known from leaks", (password) => {
  expect(weaknessOf(password, "someone", isLeaked)).toBe("must not be one of those that are known from leaks");
});

test.each([
  ["Long.User.Name", "long.user.name"],
  ["long.user.name2026!", "long.user.name"],
  ["123-long.user.name", "long.user.name"],
  ["someonesomeone", "someone"],
  ["mr.smith2026", "mr.smith99"],
])("%s is refused as the password of %s: it is made of the username", (password, username) => {
  expect(weaknessOf(password, username, isLeaked)).toBe("must not be the username");
});

test.each([
  ["correct horse", "customer"],
  ["ㅎㅏㄴㄱㅡㄹ 비밀번호 열", "customer"],
  ["x".repeat(200), "customer"],
  ["customer-password", "customer"],
  ["0987654320", "0123"],
  ["password1234", "someone"],
])("%s will do for %s, whatever it is made of", (password, username) => {
  expect(weaknessOf(password, username, isLeaked)).toBeUndefined();
});

test("the list of our own holds passwords in lower case, none that its length refuses already", () => {
  expect(commonPasswords.size).toBeGreaterThan(50);
  for (const password of commonPasswords) {
    expect([password, NewPassword.safeParse(password).success]).toEqual([password.toLowerCase(), true]);
  }
});
