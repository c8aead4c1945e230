import { enter, visitor } from "@shop/local/demo/enter";
import { untilAnswered } from "./until-answered.ts";
import type { Shop } from "@shop/client/shop";

/**
 * Signs a new customer up and logs them in.
 * @throws ProblemError when the sign-up is refused
 */
export async function signUp(baseUrl: string, username: string): Promise<Shop> {
  const password = `${username}-secret-word`;
  await visitor(baseUrl).createUser({ username, password });
  return untilAnswered(() => enter(baseUrl, username, password));
}
