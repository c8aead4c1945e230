import { cookieOf } from "../session/cookie.ts";

export const languages = ["en", "ko"] as const;
export type Language = (typeof languages)[number];

/** What a visitor has chosen, or their browser for them. */
export interface Preferences {
  readonly language: Language;
  /** undefined: as the visitor's system has it. */
  readonly theme: "light" | "dark" | undefined;
}

/** From the cookies `language` and `theme`, which the pages write, else from `Accept-Language`; English for all who understand neither. */
export function preferencesOf(headers: Headers): Preferences {
  const cookies = headers.get("cookie");
  const chosen = cookieOf(cookies, "language");
  const theme = cookieOf(cookies, "theme");
  return {
    language: languages.find((language) => language === chosen) ?? preferredLanguage(headers.get("accept-language")),
    theme: theme === "light" || theme === "dark" ? theme : undefined,
  };
}

/** @param header such as `ko-KR,ko;q=0.9,en-US;q=0.8` */
function preferredLanguage(header: string | null): Language {
  const wishes = (header ?? "").split(",").map((part) => {
    const [tag = "", ...parameters] = part.trim().toLowerCase().split(";");
    const quality = parameters.map((text) => /^\s*q=(?<q>[\d.]+)$/.exec(text)?.groups?.["q"]).find(Boolean);
    return { language: tag.split("-", 1)[0], quality: quality === undefined ? 1 : Number(quality) };
  });
  const best = wishes
    .filter(({ quality }) => quality > 0)
    .toSorted((a, b) => b.quality - a.quality)
    .map(({ language }) => languages.find((known) => known === language))
    .find((language) => language !== undefined);
  return best ?? "en";
}
