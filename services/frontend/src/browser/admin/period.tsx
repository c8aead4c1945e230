import { useApp } from "../app-state.ts";
import { Select } from "./select.tsx";

/** How far back a list goes. */
export type Period = "hour" | "day" | "week";

const LENGTH_MS: Readonly<Record<Period, number>> = { hour: 3_600_000, day: 86_400_000, week: 604_800_000 };

/** Since when, in RFC 3339; undefined for all times. */
export function since(period: Period | "", nowMs = Date.now()): string | undefined {
  return period === "" ? undefined : new Date(nowMs - LENGTH_MS[period]).toISOString();
}

interface PeriodSelectProps {
  readonly value: Period | "";
  onChange(value: Period | ""): void;
}

/** Narrows a list to what was made of late. */
export function PeriodSelect({ value, onChange }: PeriodSelectProps) {
  const t = useApp().texts.admin;
  return <Select label={t.period} value={value} options={t.periods} onChange={onChange} />;
}
