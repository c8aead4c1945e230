import { enter, visitor } from "@shop/local/demo/enter";
import type { Shop } from "@shop/client/shop";

/**
 * Signs a new customer up and logs them in.
 * @throws ProblemError when the sign-up is refused
 */
export async function signUp(baseUrl: string, username: string): Promise<Shop> {
  const password = `${username}-secret-word`;
  await visitor(baseUrl).createUser({ username, password });
  return enter(baseUrl, username, password);
}
