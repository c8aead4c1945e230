import { type Given, UsageError } from "./command.ts";

/** Options of commands that look for something by time. */
export const RANGE = {
  "--from <time>": "made at this time or later: 2026-12-01, 2026-12-01T08:00Z, or 90m, 12h, 3d ago",
  "--to <time>": "made before this time",
} as const;
export const TIMES = { ...RANGE, "--oldest": "the oldest first" } as const;

const AGO = /^(\d{1,6})([smhd])$/;
const UNIT_MS = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** An instant as people write it, as RFC 3339. @throws UsageError */
function instantOf(name: string, text: string, nowMs: number): string {
  const ago = AGO.exec(text);
  const unit = ago?.[2] as keyof typeof UNIT_MS | undefined;
  const ms = unit === undefined ? Date.parse(text) : nowMs - Number(ago?.[1]) * UNIT_MS[unit];
  if (Number.isNaN(ms)) throw new UsageError(`--${name} is a time such as 2026-12-01T08:00Z or 12h, not ${text}.`);
  return new Date(ms).toISOString();
}

/** The range of time that was given. */
export function rangeOf({ from, to }: Given["options"], nowMs = Date.now()) {
  return {
    ...(from === undefined ? {} : { from: instantOf("from", from, nowMs) }),
    ...(to === undefined ? {} : { to: instantOf("to", to, nowMs) }),
  };
}

/** The range of time that was given, and which end comes first. */
export function timesOf({ options, flags }: Given) {
  return { ...rangeOf(options), ...(flags.has("oldest") ? { sort: "oldest" as const } : {}) };
}

/** Options that were given, by the names that the API has for them. */
export function renamed<Name extends string>(
  options: Given["options"],
  names: Readonly<Record<string, Name>>,
): Partial<Record<Name, string>> {
  const found: Partial<Record<Name, string>> = {};
  for (const [option, name] of Object.entries(names)) {
    const value = options[option];
    if (value !== undefined) found[name] = value;
  }
  return found;
}
