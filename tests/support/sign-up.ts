import { anyone, logIn, type ShopClient } from "@shop/local/demo/shop-client";

/**
 * Signs a new customer up and logs them in.
 * @throws with the answer when the sign-up is refused
 */
export async function signUp(baseUrl: string, username: string): Promise<ShopClient> {
  const password = `${username}-secret-word`;
  const { status, body } = await anyone(baseUrl).call("POST", "/api/users", { username, password });
  if (status !== 201) throw new Error(`sign-up was answered with ${status}: ${JSON.stringify(body)}`);
  return logIn(baseUrl, username, password);
}
