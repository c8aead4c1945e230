import { expect, test } from "bun:test";
import { changeUser } from "@shop/contracts/http/account";
import { inviteUser } from "@shop/contracts/http/password";
import { en } from "./en.ts";
import { ko } from "./ko.ts";

test("why a field of the users' page is refused is said in both languages", () => {
  const wrong = { username: "?", role: "rider", displayName: " ", mailAddress: "no address" };
  const invited = inviteUser.body.safeParse(wrong).error?.issues ?? [];
  const changed = changeUser.body.safeParse({ mailAddress: "no address" }).error?.issues ?? [];
  expect([...invited, ...changed].map(({ path }) => path.join())).toEqual([
    ...["username", "displayName", "mailAddress"],
    "mailAddress",
  ]);
  for (const { message } of [...invited, ...changed]) {
    expect(Object.keys(en.fields)).toContain(message);
    expect(Object.keys(ko.fields)).toContain(message);
  }
});
