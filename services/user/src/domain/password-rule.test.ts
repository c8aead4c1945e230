import { expect, test } from "bun:test";
import { NewPassword } from "@shop/contracts/http/user";
import { commonPasswords } from "./common-passwords.ts";
import { weaknessOf } from "./password-rule.ts";

test("common passwords are refused in any case, and so is the username", () => {
  for (const password of ["password123", "PassWord123", "1q2w3e4r5t", "saranghae123"]) {
    expect([password, weaknessOf(password, "someone")]).toEqual([
      password,
      "must not be one of the most common passwords",
    ]);
  }
  expect(weaknessOf("Long.User.Name", "long.user.name")).toBe("must not be the username");
});

test("others will do, whatever they are made of", () => {
  for (const password of ["correct horse", "ㅎㅏㄴㄱㅡㄹ 비밀번호 열", "x".repeat(200), "customer-password"]) {
    expect([password, weaknessOf(password, "customer")]).toEqual([password, undefined]);
  }
});

test("the list holds a hundred and more, in lower case, none that its length refuses already", () => {
  expect(commonPasswords.size).toBeGreaterThan(100);
  for (const password of commonPasswords) {
    expect([password, NewPassword.safeParse(password).success]).toEqual([password.toLowerCase(), true]);
  }
});
