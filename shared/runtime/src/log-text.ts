/** How log lines are written. */
export const logFormats = ["json", "text"] as const;
export type LogFormat = (typeof logFormats)[number];

interface Terminal {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

/**
 * Where finished log lines go.
 * @param format by default text for a person at a terminal, and JSON for a program
 * @param noColor the setting `NO_COLOR`: any value but an empty one turns colours off (https://no-color.org)
 */
export function logWriter(
  format: LogFormat | undefined,
  noColor: string | undefined,
  terminal: Terminal = process.stdout,
): (line: string) => void {
  const isTerminal = terminal.isTTY === true;
  if ((format ?? (isTerminal ? "text" : "json")) === "json") return (line) => void terminal.write(`${line}\n`);
  const color = isTerminal && !noColor;
  return (line) => void terminal.write(`${logLineAsText(line, { color })}\n`);
}

interface TextOptions {
  readonly color: boolean;
  /** Shown in place of the service, such as the name of one of its replicas. */
  readonly source?: string;
}

const RESET = "\u001b[0m";
const DIM = "\u001b[2m";
const COLORS: Readonly<Record<string, string>> = {
  debug: DIM,
  info: "\u001b[32m",
  warn: "\u001b[33m",
  error: "\u001b[1;31m",
};
const [LEVEL_WIDTH, SOURCE_WIDTH] = [5, 12];

/**
 * A line of the log for a person: time, level, service, sentence, event code and facts, aligned and in one line. A text that is no line of the log
 * comes out as it is.
 * @param line as the logger writes it, JSON
 */
export function logLineAsText(line: string, { color, source }: TextOptions): string {
  const entry = parse(line);
  if (entry === undefined) return line;
  const { time, level, service, event, message, ...facts } = entry;
  const paint = (code: string, text: string) => (color ? `${code}${text}${RESET}` : text);
  const name = String(level);
  return [
    paint(DIM, String(time).slice(11, 23)),
    paint(COLORS[name] ?? "", name.toUpperCase().padEnd(LEVEL_WIDTH)),
    (source ?? String(service)).padEnd(SOURCE_WIDTH),
    printable(String(message)),
    ...(event === undefined ? [] : [paint(DIM, valueText(event))]),
    ...Object.entries(facts).map(([key, value]) => `${paint(DIM, `${key}=`)}${valueText(value)}`),
  ].join(" ");
}

function parse(line: string): Readonly<Record<string, unknown>> | undefined {
  if (!line.startsWith("{")) return undefined;
  try {
    const entry: unknown = JSON.parse(line);
    const isLine = typeof entry === "object" && entry !== null && "level" in entry && "message" in entry;
    return isLine ? { ...entry } : undefined;
  } catch {
    return undefined;
  }
}

/** A word stands as it is; all else as JSON, in which a line break is `\n`. */
function valueText(value: unknown): string {
  if (typeof value === "string" && /^[\w./:@+-]+$/.test(value)) return value;
  return printable(JSON.stringify(value));
}

/** What a terminal would take for a command is written as its code point. */
function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, (c) => `\\u${(c.codePointAt(0) ?? 0).toString(16).padStart(4, "0")}`);
}
