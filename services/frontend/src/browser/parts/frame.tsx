import type { ComponentChildren, RefObject } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { Role } from "@shop/contracts/http/define";
import type { PageName } from "../../pages/paths.ts";
import { accountPath, homeOf } from "../addresses.ts";
import { type Theme, useApp } from "../app-state.ts";
import { navigate, pathTo, type Route } from "../router.ts";
import { Icon, type IconName } from "./icon.tsx";
import { Link } from "./link.tsx";
import { errorText } from "./states.tsx";

type NavName =
  | "shop"
  | "cart"
  | "orders"
  | "rider"
  | "sagas"
  | "adminOrders"
  | "products"
  | "deadLetters"
  | "deliveries";

const ICONS: Readonly<Record<NavName, IconName>> = {
  shop: "shop",
  cart: "cart",
  orders: "orders",
  rider: "rider",
  sagas: "sagas",
  adminOrders: "orders",
  products: "products",
  deadLetters: "letter",
  deliveries: "rider",
};

/** What each kind of person finds in the menu. */
const MENUS: Readonly<Record<Role | "visitor", readonly NavName[]>> = {
  visitor: ["shop", "cart"],
  customer: ["shop", "orders", "cart"],
  rider: ["rider"],
  admin: ["sagas", "adminOrders", "deliveries", "products", "deadLetters"],
};
const NEXT_THEME: Readonly<Record<Theme, Theme>> = { system: "light", light: "dark", dark: "system" };

interface FrameProps {
  readonly route: Route | undefined;
  readonly mainRef: RefObject<HTMLElement | null>;
  readonly announcement: string;
  readonly children: ComponentChildren;
}

/** What surrounds every page: the brand, the menu, language, colours, the account, and news of the connection. */
export function Frame({ route, mainRef, announcement, children }: FrameProps) {
  const { texts, user, language, setLanguage, theme, setTheme } = useApp();
  const isOnline = useOnline();
  return (
    <div class={`frame for-${user?.role ?? "visitor"}`}>
      <a class="skip" href="#main">
        {texts.skip}
      </a>
      <header class="top">
        <div class="top-row">
          <Link to={homeOf(user?.role)} class="brand">
            <svg viewBox="0 0 64 64" width="34" height="34" aria-hidden="true" class="jar">
              <path d="M25 12h14l-2 6c11 3 16 10 16 18 0 9-8 15-13 17H24c-5-2-13-8-13-17 0-8 5-15 16-18l-2-6Z" />
            </svg>
            <span>{texts.brand}</span>
          </Link>
          <Menu route={route} />
          <div class="tools">
            <button
              type="button"
              class="tool"
              lang={language === "en" ? "ko" : "en"}
              onClick={() => setLanguage(language === "en" ? "ko" : "en")}
              aria-label={texts.switchLanguage}
            >
              {language === "en" ? "한" : "EN"}
            </button>
            <button
              type="button"
              class="tool"
              onClick={() => setTheme(NEXT_THEME[theme])}
              aria-label={texts.theme[theme]}
              title={texts.theme[theme]}
            >
              <Icon name={theme} />
            </button>
            <Account isHere={route?.page === "signIn" || route?.page === "signUp"} />
          </div>
        </div>
      </header>
      {isOnline ? null : (
        <div class="banner" role="status">
          <Icon name="alert" />
          {texts.offline}
        </div>
      )}
      <main id="main" ref={mainRef} tabIndex={-1}>
        {children}
      </main>
      <div class="announcer" role="status">
        {announcement === "" ? null : <p class="toast">{announcement}</p>}
      </div>
    </div>
  );
}

function Menu({ route }: { readonly route: Route | undefined }) {
  const { texts, user, cart } = useApp();
  const pieces = cart.reduce((sum, { quantity }) => sum + quantity, 0);
  const section = sectionOf(route?.page);
  return (
    <nav class="menu" aria-label={texts.menu}>
      {MENUS[user?.role ?? "visitor"].map((name) => (
        <Link
          key={name}
          to={pathTo(name)}
          current={name === section}
          {...(name === "cart" && pieces > 0 ? { label: `${texts.nav.cart}, ${texts.shop.toCart(pieces)}` } : {})}
        >
          <Icon name={ICONS[name]} size={22} />
          <span>{texts.nav[name]}</span>
          {name === "cart" && pieces > 0 ? <span class="count">{pieces}</span> : null}
        </Link>
      ))}
    </nav>
  );
}

/** The entry of the menu that a page belongs to. */
function sectionOf(page: PageName | undefined): PageName | undefined {
  if (page === "order") return "orders";
  if (page === "saga") return "sagas";
  return page;
}

function Account({ isHere }: { readonly isHere: boolean }) {
  const { texts, user, logOut, announce } = useApp();
  if (user === undefined) {
    return isHere ? null : (
      <Link to={accountPath("signIn")} class="button small">
        {texts.account.signIn}
      </Link>
    );
  }
  const leave = async () => {
    try {
      await logOut();
      navigate(pathTo("shop"));
    } catch (error) {
      announce(errorText(texts, error));
    }
  };
  return (
    <span class="account-tool">
      <span class="who">
        <b>{user.displayName}</b>
        <small>{texts.roles[user.role]}</small>
      </span>
      <button
        type="button"
        class="tool"
        aria-label={texts.account.signOut}
        title={texts.account.signOut}
        onClick={() => void leave()}
      >
        <Icon name="leave" />
      </button>
    </span>
  );
}

function useOnline(): boolean {
  const [isOnline, setOnline] = useState(navigator.onLine);
  useEffect(() => {
    const look = () => setOnline(navigator.onLine);
    const events = ["online", "offline"];
    for (const name of events) globalThis.addEventListener(name, look);
    return () => {
      for (const name of events) globalThis.removeEventListener(name, look);
    };
  }, []);
  return isOnline;
}
