import type { Language } from "../pages/preferences.ts";

const LOCALES: Readonly<Record<Language, string>> = { en: "en-GB", ko: "ko-KR" };

/** How numbers, money and times are written in a language. */
export function createFormat(language: Language) {
  const locale = LOCALES[language];
  const number = new Intl.NumberFormat(locale);
  const clock = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" } as const;
  const time = new Intl.DateTimeFormat(locale, { ...clock, second: "2-digit" });
  const day = new Intl.DateTimeFormat(locale, { month: "short", day: "numeric", ...clock });
  const relative = new Intl.RelativeTimeFormat(locale, { numeric: "auto", style: "short" });

  return {
    number: (value: number) => number.format(value),
    /** @param amount in the currency's minor unit */
    money(amount: number, currency: string): string {
      const format = new Intl.NumberFormat(locale, { style: "currency", currency, currencyDisplay: "narrowSymbol" });
      return format.format(amount / 10 ** (format.resolvedOptions().maximumFractionDigits ?? 0));
    },
    /** The hour, minute and second of an instant, where the reader is. */
    time: (instant: string) => time.format(new Date(instant)),
    /** The day and the minute of an instant, where the reader is. */
    day: (instant: string) => day.format(new Date(instant)),
    /** Such as "3 min. ago". */
    ago(instant: string, nowMs: number): string {
      const seconds = Math.round((Date.parse(instant) - nowMs) / 1_000);
      const size = Math.abs(seconds);
      if (size < 60) return relative.format(Math.min(seconds, 0), "second");
      if (size < 3_600) return relative.format(Math.trunc(seconds / 60), "minute");
      if (size < 86_400) return relative.format(Math.trunc(seconds / 3_600), "hour");
      return relative.format(Math.trunc(seconds / 86_400), "day");
    },
    /** A span of time, such as "340 ms", "2.5 s", "4 min". */
    span(ms: number): string {
      const unit = (value: number, name: "millisecond" | "second" | "minute" | "hour") =>
        new Intl.NumberFormat(locale, {
          style: "unit",
          unit: name,
          unitDisplay: "short",
          maximumFractionDigits: value < 10 && name !== "millisecond" ? 1 : 0,
        }).format(value);
      if (ms < 1_000) return unit(ms, "millisecond");
      if (ms < 60_000) return unit(ms / 1_000, "second");
      if (ms < 3_600_000) return unit(ms / 60_000, "minute");
      return unit(ms / 3_600_000, "hour");
    },
  };
}
export type Format = ReturnType<typeof createFormat>;

/** The end of an id, which tells things of the same minute apart; UUIDv7 begin with their time. */
export function shortId(id: string): string {
  return id.slice(-6).toUpperCase();
}
