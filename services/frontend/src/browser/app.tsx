import { useCallback, useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Product } from "@shop/contracts/http/product";
import { ProblemError } from "@shop/client/problem-error";
import type { Language } from "../pages/preferences.ts";
import { AppContext, type AppState, type CartLine, type Theme } from "./app-state.ts";
import { createFormat } from "./format.ts";
import { en } from "./i18n/en.ts";
import { ko } from "./i18n/ko.ts";
import { CurrentPage } from "./current-page.tsx";
import { Frame } from "./parts/frame.tsx";
import { routeOf } from "./router.ts";
import { useSession } from "./sessions.ts";
import { readStored, store } from "./storage.ts";

const TEXTS = { en, ko } as const;
const CART = "cart";
const PREFERENCE_KEPT_FOR_S = 365 * 24 * 3_600;
const ANNOUNCED_FOR_MS = 4_000;

/** The whole of the pages: what all of them know, and the one that the address means. */
export function App() {
  const [path, setPath] = useState(location.pathname);
  const [language, setLanguageState] = useState<Language>(document.documentElement.lang === "ko" ? "ko" : "en");
  const [theme, setThemeState] = useState<Theme>((document.documentElement.dataset["theme"] as Theme) ?? "system");
  const [cart, setCart] = useState<readonly CartLine[]>(() => readStored<readonly CartLine[]>(CART, []));
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
      if (key === CART) setCart(readStored<readonly CartLine[]>(CART, []));
    };
    globalThis.addEventListener("storage", onStorage);
    return () => globalThis.removeEventListener("storage", onStorage);
  }, []);

  const changeCart = useCallback((change: (lines: readonly CartLine[]) => readonly CartLine[]) => {
    setCart((lines) => {
      const changed = change(lines);
      store(CART, changed);
      return changed;
    });
  }, []);

  const texts = TEXTS[language];
  const { user, isSettled, hasEnded, doubt, ...session } = useSession(() => setAnnouncement(texts.account.ended));
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
      async logIn(username, password) {
        const person = await session.logIn(username, password);
        setAnnouncement(texts.account.welcome(person.displayName));
        return person;
      },
      async logOut() {
        try {
          await session.logOut();
          setAnnouncement(texts.account.signedOut);
        } catch (error) {
          if (!(error instanceof ProblemError)) throw error;
          setAnnouncement(texts.account.signedOutHere);
        }
      },
      cart,
      putInCart(product: Product, quantity: number) {
        changeCart((lines) => {
          const line = { product, quantity };
          if (quantity === 0) return lines.filter((one) => one.product.id !== product.id);
          return lines.some((one) => one.product.id === product.id)
            ? lines.map((one) => (one.product.id === product.id ? line : one))
            : [...lines, line];
        });
      },
      emptyCart: () => changeCart(() => []),
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
        <CurrentPage route={route} doubt={doubt} />
      </Frame>
    </AppContext.Provider>
  );
}

/** Kept in a cookie, so that the document comes in the right language and colours from the first byte. */
function keepPreference(name: "language" | "theme", value: string): void {
  document.cookie = `${name}=${value}; Max-Age=${PREFERENCE_KEPT_FOR_S}; Path=/; SameSite=Lax`;
}
