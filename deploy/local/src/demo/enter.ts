import { connectShop, type ConnectOptions, type Shop } from "@shop/client/shop";

/** The shop as a person of a story or a test sees it: each call is made once, so that what comes of it is what the shop answered. */
export function visitor(baseUrl: string, options: Omit<ConnectOptions, "baseUrl"> = {}): Shop {
  return connectShop({ baseUrl, attempts: 1, ...options });
}

/**
 * The same, logged in.
 * @throws ProblemError when the login is refused
 */
export async function enter(
  baseUrl: string,
  username: string,
  password = `${username}-password`,
  options: Omit<ConnectOptions, "baseUrl"> = {},
): Promise<Shop> {
  const shop = visitor(baseUrl, options);
  await shop.logIn(username, password);
  return shop;
}
