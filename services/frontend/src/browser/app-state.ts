import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { User } from "@shop/contracts/http/user";
import type { Language } from "../pages/preferences.ts";
import type { CartLine, CartProduct } from "./kept.ts";
import type { Format } from "./format.ts";
import type { Texts } from "./i18n/en.ts";

export type Theme = "light" | "dark" | "system";

/** What every page knows. */
export interface AppState {
  readonly language: Language;
  readonly texts: Texts;
  readonly format: Format;
  setLanguage(language: Language): void;
  readonly theme: Theme;
  setTheme(theme: Theme): void;
  /** undefined: nobody is logged in. */
  readonly user: User | undefined;
  /** Whether it is known who is logged in. */
  readonly isSettled: boolean;
  /** Whether the last session ended without anybody having logged out here. */
  readonly hasEnded: boolean;
  logIn(username: string, password: string, secondFactor?: string): Promise<User>;
  logOut(): Promise<void>;
  readonly cart: readonly CartLine[];
  /** @param quantity 0 takes the product out */
  putInCart(product: CartProduct, quantity: number): void;
  setCart(lines: readonly CartLine[]): void;
  /** Says something for a moment, also to screen readers. */
  announce(message: string): void;
}

export const AppContext = createContext<AppState | undefined>(undefined);

export function useApp(): AppState {
  const state = useContext(AppContext);
  if (state === undefined) throw new Error("a page stands outside of the app");
  return state;
}
