import { z } from "zod";

/** A setting is missing or wrong; the message names each and says what to do. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

/**
 * Reads a process's settings from its environment. An empty variable counts as not set.
 * @param shape a zod schema per variable name
 * @throws ConfigError naming every variable that is missing or wrong
 */
export function loadConfig<Shape extends z.ZodRawShape>(
  shape: Shape,
  environment: Readonly<Record<string, string | undefined>>,
): z.infer<z.ZodObject<Shape>> {
  const given = Object.fromEntries(
    Object.keys(shape).flatMap((name) => {
      const value = environment[name];
      return value === undefined || value === "" ? [] : [[name, value]];
    }),
  );
  const result = z.object(shape).safeParse(given);
  if (result.success) return result.data;
  const lines = result.error.issues.map(({ path, message }) => {
    const name = String(path[0]);
    const hint = (shape[name] as z.ZodType | undefined)?.description;
    const state = name in given ? `is wrong: ${message}` : "is not set";
    return `  ${name} ${state}${hint ? ` (${hint})` : ""}`;
  });
  throw new ConfigError(
    `This process cannot start with these settings:\n${lines.join("\n")}\nSet them in its environment; README.md lists all settings.`,
  );
}

/** A whole number within bounds, written in digits. */
export const wholeNumber = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d+$/, "must be a whole number")
    .transform(Number)
    .refine((value) => value >= min && value <= max, { message: `must be from ${min} to ${max}` });

export const port = wholeNumber(0, 65_535);
export const flag = z.enum(["true", "false"]).transform((value) => value === "true");
export const milliseconds = wholeNumber(1, 7 * 24 * 3_600_000);
export const httpUrl = z.url({ protocol: /^https?$/ }).transform((value) => value.replace(/\/+$/, ""));
export const commaSeparated = z
  .string()
  .transform((value) =>
    value
      .split(",")
      .map((part) => part.trim())
      .filter((part) => part !== ""),
  )
  .refine((parts) => parts.length > 0, { message: "must name at least one" });
