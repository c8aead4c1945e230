import type { Role } from "@shop/contracts/http/define";
import type { PageName } from "../pages/paths.ts";
import { pathTo } from "./router.ts";

const HOMES: Readonly<Record<Role, PageName>> = { customer: "shop", rider: "rider", admin: "sagas" };

/** The address where a person's work begins. */
export function homeOf(role: Role | undefined): string {
  return pathTo(role === undefined ? "shop" : HOMES[role]);
}

/** The address of a page of the account that leads back to where the person is. */
export function accountPath(page: "signIn" | "signUp", next = location.pathname): string {
  return `${pathTo(page)}?${new URLSearchParams({ next })}`;
}

/** Where a person wanted to go when they were asked to sign in; only ever a path of ours. */
export function wishedPath(): string | undefined {
  const wished = new URLSearchParams(location.search).get("next");
  return wished !== null && /^\/(?![/\\])/.test(wished) ? wished : undefined;
}
