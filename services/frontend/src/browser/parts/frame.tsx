import type { ComponentChildren, RefObject } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { PageName } from "../../pages/paths.ts";
import { accountPath, homeOf } from "../addresses.ts";
import { type Theme, useApp } from "../app-state.ts";
import { navigate, type PageRoute, pathTo } from "../router.ts";
import { Icon } from "./icon.tsx";
import { Jar } from "./jar.tsx";
import { Link } from "./link.tsx";
import { Menu } from "./menu.tsx";
import { errorText } from "./states.tsx";
import { Written } from "./written.tsx";

const NEXT_THEME: Readonly<Record<Theme, Theme>> = { system: "light", light: "dark", dark: "system" };

/** Pages on which nobody needs the way to sign in. */
const OF_ACCOUNT: readonly PageName[] = ["signIn", "signUp", "setPassword"];

interface FrameProps {
  readonly route: PageRoute | undefined;
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
            <Jar size={34} />
            <span>{texts.brand}</span>
          </Link>
          <Menu page={route?.page} />
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
            <Account isHere={route?.page !== undefined && OF_ACCOUNT.includes(route.page)} />
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

function Account({ isHere }: { readonly isHere: boolean }) {
  const { texts, user, isSettled, logOut, announce } = useApp();
  if (user === undefined) {
    return isHere || !isSettled ? null : (
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
        <b>
          <Written>{user.displayName}</Written>
        </b>
        <small>{texts.roles[user.role]}</small>
      </span>
      <Link to={pathTo("account")} class="tool">
        <Icon name="person" />
        <span class="unseen">{texts.account.title}</span>
      </Link>
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
