import { useCallback, useEffect, useMemo, useRef, useState } from "preact/hooks";
import { isolated } from "@shop/client/escape-invisible";
import { ProblemError } from "@shop/client/problem-error";
import type { Language } from "../pages/preferences.ts";
import { AppContext, type AppState, type Theme } from "./app-state.ts";
import { CART, readCart, storeCart } from "./cart.ts";
import type { CartLine, CartProduct } from "./kept.ts";
import { createFormat } from "./format.ts";
import { TEXTS } from "./i18n/texts.ts";
import { CurrentPage } from "./current-page.tsx";
import { MAX_PRODUCTS } from "./limits.ts";
import { Boundary } from "./parts/boundary.tsx";
import { Frame } from "./parts/frame.tsx";
import { routeOf } from "./router.ts";
import { useSession } from "./sessions.ts";

const PREFERENCE_KEPT_FOR_S = 365 * 24 * 3_600;
const ANNOUNCED_FOR_MS = 4_000;

/** The whole of the pages: what all of them know, and the one that the address means. */
export function App() {
  const [path, setPath] = useState(location.pathname);
  const [language, setLanguageState] = useState<Language>(document.documentElement.lang === "ko" ? "ko" : "en");
  const [theme, setThemeState] = useState<Theme>((document.documentElement.dataset["theme"] as Theme) ?? "system");
  const [cart, setCart] = useState<readonly CartLine[]>(readCart);
  const [announcement, setAnnouncement] = useState("");
  const main = useRef<HTMLElement>(null);

  useEffect(() => {
    const onMove = () => setPath(location.pathname);
    globalThis.addEventListener("popstate", onMove);
    return () => globalThis.removeEventListener("popstate", onMove);
  }, []);

  useEffect(() => {
    if (announcement === "") return;
    const timer = setTimeout(() => setAnnouncement(""), ANNOUNCED_FOR_MS);
    return () => clearTimeout(timer);
  }, [announcement]);

  // Another tab of the same browser may have filled the cart.
  useEffect(() => {
    const onStorage = ({ key }: StorageEvent) => {
      // No key: all of the storage was cleared.
      if (key === CART || key === null) setCart(readCart());
    };
    globalThis.addEventListener("storage", onStorage);
    return () => globalThis.removeEventListener("storage", onStorage);
  }, []);

  const changeCart = useCallback((change: (lines: readonly CartLine[]) => readonly CartLine[]) => {
    setCart((lines) => {
      const changed = change(lines);
      storeCart(changed);
      return changed;
    });
  }, []);

  const texts = TEXTS[language];
  const { user, isSettled, hasEnded, doubt, departures, ...session } = useSession({
    onDeparture: () => setAnnouncement(""),
    onEnd: () => setAnnouncement(texts.account.ended),
  });
  const state = useMemo<AppState>(
    () => ({
      language,
      texts,
      format: createFormat(language),
      setLanguage(chosen) {
        keepPreference("language", chosen);
        document.documentElement.lang = chosen;
        setLanguageState(chosen);
      },
      theme,
      setTheme(chosen) {
        keepPreference("theme", chosen);
        document.documentElement.dataset["theme"] = chosen;
        const scheme = chosen === "system" ? "light dark" : chosen;
        document.querySelector('meta[name="color-scheme"]')?.setAttribute("content", scheme);
        setThemeState(chosen);
      },
      user,
      isSettled,
      hasEnded,
      async logIn(username, password, secondFactor) {
        const person = await session.logIn(username, password, secondFactor);
        setAnnouncement(texts.account.welcome(isolated(person.displayName)));
        return person;
      },
      async logOut() {
        try {
          await session.logOut();
          setAnnouncement(cart.length === 0 ? texts.account.signedOut : texts.account.signedOutWithCart);
        } catch (error) {
          if (!(error instanceof ProblemError)) throw error;
          setAnnouncement(texts.account.signedOutHere);
        }
      },
      cart,
      putInCart({ id, name, price, currency, stock }: CartProduct, quantity: number) {
        changeCart((lines) => {
          const line = { product: { id, name, price, currency, stock }, quantity };
          if (quantity === 0) return lines.filter((one) => one.product.id !== id);
          if (lines.some((one) => one.product.id === id)) {
            return lines.map((one) => (one.product.id === id ? line : one));
          }
          return lines.length < MAX_PRODUCTS ? [...lines, line] : lines;
        });
      },
      setCart: (lines) => changeCart(() => lines),
      announce: setAnnouncement,
    }),
    [language, theme, user, isSettled, hasEnded, cart],
  );

  const route = routeOf(path);
  const isFirst = useRef(true);
  useEffect(() => {
    if (isFirst.current) {
      isFirst.current = false;
      return;
    }
    // As after a full load: the page begins at its top, and a screen reader at its beginning.
    globalThis.scrollTo(0, 0);
    main.current?.focus({ preventScroll: true });
  }, [path]);

  return (
    <AppContext.Provider value={state}>
      <Frame route={route} mainRef={main} announcement={announcement}>
        {/* Another page, and another person, begins with nothing of what the last one held. */}
        <Boundary key={`${departures} ${path}`} language={language}>
          <CurrentPage route={route} doubt={doubt} />
        </Boundary>
      </Frame>
    </AppContext.Provider>
  );
}

/** Kept in a cookie, so that the document comes in the right language and colours from the first byte. */
function keepPreference(name: "language" | "theme", value: string): void {
  document.cookie = `${name}=${value}; Max-Age=${PREFERENCE_KEPT_FOR_S}; Path=/; SameSite=Lax`;
}
