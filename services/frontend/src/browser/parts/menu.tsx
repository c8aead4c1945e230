import type { Role } from "@shop/contracts/http/define";
import type { PageName } from "../../pages/paths.ts";
import { needsOf } from "../admin/needs.ts";
import { useApp } from "../app-state.ts";
import { useLoad } from "../load.ts";
import { pathTo } from "../router.ts";
import { shop } from "../shop.ts";
import { Icon, type IconName } from "./icon.tsx";
import { Link } from "./link.tsx";

type NavName =
  | "shop"
  | "cart"
  | "orders"
  | "rider"
  | "sagas"
  | "adminOrders"
  | "deliveries"
  | "products"
  | "deadLetters"
  | "webhooks"
  | "users"
  | "audit"
  | "health";

const ICONS: Readonly<Record<NavName, IconName>> = {
  shop: "shop",
  cart: "cart",
  orders: "orders",
  rider: "rider",
  sagas: "sagas",
  adminOrders: "orders",
  deliveries: "rider",
  products: "products",
  deadLetters: "envelope",
  webhooks: "webhooks",
  users: "person",
  audit: "audit",
  health: "health",
};

/** What each kind of person finds in the menu. */
const MENUS: Readonly<Record<Role | "visitor", readonly NavName[]>> = {
  visitor: ["shop", "cart"],
  customer: ["shop", "orders", "cart"],
  rider: ["rider"],
  admin: ["sagas", "adminOrders", "deliveries", "products", "deadLetters", "webhooks", "users", "audit", "health"],
};
const LOOKED_EVERY_MS = 10_000;

/** How many things wait behind an entry; the words say what they are. */
type Counts = Readonly<Partial<Record<NavName, { readonly count: number; readonly words: string }>>>;

interface MenuProps {
  readonly page: PageName | undefined;
}

export function Menu({ page }: MenuProps) {
  const { texts, user, cart } = useApp();
  if (user?.role === "admin") return <OperatorMenu page={page} />;
  const pieces = cart.reduce((sum, { quantity }) => sum + quantity, 0);
  const counts = { cart: { count: pieces, words: texts.shop.toCart(pieces) } };
  return <Entries page={page} names={MENUS[user?.role ?? "visitor"]} counts={counts} />;
}

/** The operator's menu says by itself where somebody is needed. While that cannot be found out it says nothing. */
function OperatorMenu({ page }: MenuProps) {
  const { texts } = useApp();
  const { value } = useLoad("needs", (signal) => shop.getHealth({ signal }), { everyMs: LOOKED_EVERY_MS });
  const needs = value === undefined ? undefined : needsOf(value);
  const entry = (count = 0) => ({ count, words: texts.health.needYou(count) });
  const counts = {
    sagas: entry(needs?.stuckSagas),
    deadLetters: entry(needs?.deadLetters),
    health: entry(needs && needs.unwell + needs.driftingOrders + needs.driftingProducts),
  };
  return <Entries page={page} names={MENUS.admin} counts={counts} isUrgent />;
}

interface EntriesProps extends MenuProps {
  readonly names: readonly NavName[];
  readonly counts: Counts;
  readonly isUrgent?: boolean;
}

function Entries({ page, names, counts, isUrgent = false }: EntriesProps) {
  const { texts } = useApp();
  const section = sectionOf(page);
  return (
    <nav class="menu" aria-label={texts.menu}>
      {names.map((name) => {
        const { count, words } = counts[name] ?? { count: 0, words: "" };
        return (
          <Link key={name} to={pathTo(name)} current={name === section}>
            <Icon name={ICONS[name]} size={22} />
            <span>{texts.nav[name]}</span>
            {count === 0 ? null : (
              <>
                <span class={isUrgent ? "count urgent" : "count"} aria-hidden="true">
                  {count > 99 ? "99+" : count}
                </span>
                <span class="unseen">{words}</span>
              </>
            )}
          </Link>
        );
      })}
    </nav>
  );
}

/** The entry of the menu that a page belongs to. */
function sectionOf(page: PageName | undefined): PageName | undefined {
  if (page === "order") return "orders";
  if (page === "saga") return "sagas";
  return page;
}
