import type { Language } from "../../pages/preferences.ts";
import { en, type Texts } from "./en.ts";
import { ko } from "./ko.ts";

/** Every text of the pages, by language. */
export const TEXTS: Readonly<Record<Language, Texts>> = { en, ko };
