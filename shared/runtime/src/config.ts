import { readFileSync } from "node:fs";
import { z } from "zod";
import { errorText, ExplainedError } from "./errors.ts";

/** A setting is missing or wrong; the message names each and says what to do. */
export class ConfigError extends ExplainedError {
  override readonly name = "ConfigError";
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * What settings must not be together.
 * @returns a sentence that names the settings and says what to do, or nothing when all is well
 */
export type SettingRule<Config> = (config: Config) => string | undefined;

interface Loading<Config> {
  readonly rules?: readonly SettingRule<Config>[];
  /** Reads a text file; may throw. */
  readonly readFile?: (path: string) => string;
}

/**
 * Reads a process's settings from its environment. An empty variable counts as not set. Instead of NAME, NAME_FILE may name a
 * file that holds the value, such as a secret that Docker or Kubernetes mounts; a line end at its end does not belong to the value.
 * @param shape a zod schema per variable name
 * @throws ConfigError naming every variable that is missing or wrong, and every rule that is broken
 */
export function loadConfig<Shape extends z.ZodRawShape>(
  shape: Shape,
  environment: Environment,
  { rules = [], readFile = (path) => readFileSync(path, "utf8") }: Loading<z.infer<z.ZodObject<Shape>>> = {},
): z.infer<z.ZodObject<Shape>> {
  const read = Object.keys(shape).map((name) => readSetting(name, environment, readFile));
  const unreadable = read.flatMap((setting) => ("objection" in setting ? [setting] : []));
  const given = Object.fromEntries(
    read.flatMap((setting) =>
      "value" in setting && setting.value !== undefined ? [[setting.name, setting.value]] : [],
    ),
  );
  const result = z.object(shape).safeParse(given);
  const lines = (result.error?.issues ?? []).flatMap(({ path, message }) => {
    const name = String(path[0]);
    if (unreadable.some((setting) => setting.name === name)) return [];
    const hint = (shape[name] as z.ZodType | undefined)?.description;
    const state = name in given ? `is wrong: ${message}` : "is not set";
    return [`${name} ${state}${hint ? ` (${hint})` : ""}`];
  });
  lines.push(...unreadable.map(({ objection }) => objection));
  if (result.success) lines.push(...rules.flatMap((rule) => rule(result.data) ?? []));
  if (result.success && lines.length === 0) return result.data;
  throw new ConfigError(
    `This process cannot start with these settings:\n${lines.map((line) => `  ${line}\n`).join("")}Set them in its environment; docs/configuration.md lists all settings.`,
  );
}

type ReadSetting =
  | { readonly name: string; readonly value: string | undefined }
  | { readonly name: string; readonly objection: string };

function readSetting(name: string, environment: Environment, readFile: (path: string) => string): ReadSetting {
  const value = environment[name] || undefined;
  const file = environment[`${name}_FILE`] || undefined;
  if (file === undefined) return { name, value };
  if (value !== undefined) return { name, objection: `${name} and ${name}_FILE are both set: keep one of them` };
  try {
    return { name, value: readFile(file).replace(/\r?\n$/, "") || undefined };
  } catch (error) {
    return { name, objection: `${name}_FILE names a file that cannot be read: ${errorText(error)}` };
  }
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
/** One or more addresses of the same, separated by commas. */
export const httpUrls = z
  .string()
  .transform((value) => value.split(",").map((part) => part.trim()))
  .pipe(z.array(httpUrl).min(1));
export const commaSeparated = z
  .string()
  .transform((value) =>
    value
      .split(",")
      .map((part) => part.trim())
      .filter((part) => part !== ""),
  )
  .refine((parts) => parts.length > 0, { message: "must name at least one" });

/** A host's name or address, and a port. */
const HOST_AND_PORT = /^(?:\[[\da-f:.]+\]|[\w.-]+):(?<port>\d{1,5})$/i;

/** One or more `host:port`, separated by commas. */
export const hostsAndPorts = commaSeparated.superRefine((parts, context) => {
  for (const part of parts) {
    const number = Number(HOST_AND_PORT.exec(part)?.groups?.["port"] ?? 0);
    if (number >= 1 && number <= 65_535) continue;
    context.addIssue({ code: "custom", message: `${JSON.stringify(part)} is no host:port, such as kafka:9092` });
  }
});
