import { isProblem } from "@shop/client/problem-error";
import { enter, visitor } from "@shop/local/demo/enter";
import { untilAnswered } from "./until-answered.ts";
import type { Shop } from "@shop/client/shop";

/**
 * Signs a new customer up and logs them in.
 * @throws ProblemError when the sign-up is refused
 */
export async function signUp(baseUrl: string, username: string): Promise<Shop> {
  const password = `${username}-secret-word`;
  let refusedBefore = false;
  await untilAnswered(() =>
    visitor(baseUrl)
      .createUser({ username, password })
      .catch((error: unknown) => {
        // One that was told to come again may have been signed up all the same.
        if (refusedBefore && isProblem(error, "USERNAME_TAKEN")) return;
        refusedBefore ||= isProblem(error, "UNAVAILABLE");
        throw error;
      }),
  );
  return untilAnswered(() => enter(baseUrl, username, password));
}
