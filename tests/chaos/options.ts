import { parseArgs } from "node:util";

export interface Options {
  readonly seed: number;
  /** Undefined for as long as a full run of each fault is. */
  readonly forMs: number | undefined;
  /** Numbers of faults; undefined for all. */
  readonly faults: readonly number[] | undefined;
  readonly mix: boolean;
  /** Whether it is done to containers. */
  readonly containers: boolean;
  readonly list: boolean;
  readonly help: boolean;
  /** Whether the results are kept, and shown in the documents. */
  readonly report: boolean;
  readonly out: string;
}

export const USAGE = `Faults on real PostgreSQL, Kafka and service processes while orders flow; then the books, the topics and every answer are checked.

  bun run chaos [--faults 1,5,8] [--seed N] [--for 60s]
  bun run chaos --mix            turns of many faults in one run, as \`bun run check\` does it
  bun run chaos --containers     containers of compose.yaml killed, stopped, paused and cut off from their networks

  --faults NUMBERS   those of --list, separated by commas; all by default, each on a system of its own
  --seed N           a whole number that repeats the load and the script of the faults; that of the day by default
  --for TIME         how long orders come and faults are injected for each fault: 60s, 2m; by default as long as the full run of each
                     fault, in which it takes effect as often as --list says
  --report           appends the results, with commit and day, to docs/results/chaos.jsonl, and renders docs/results/chaos.md
  --out FOLDER       for the journal of every answer, the script and the processes' last lines; .data/chaos by default
  --list             the faults and the rules that must hold under each
  --help             this

Ends with 0 when every rule held, with 1 when one was broken or a fault could not be brought about here, with 2 for a wrong option.
`;

/**
 * @param today picks the seed when none is given
 * @throws Error with a sentence for anyone who called
 */
export function readOptions(argv: readonly string[], today: Date): Options {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      ...{ seed: { type: "string" }, for: { type: "string" }, faults: { type: "string" } },
      ...{ mix: { type: "boolean", default: false }, list: { type: "boolean", default: false } },
      ...{ containers: { type: "boolean", default: false }, help: { type: "boolean", default: false } },
      ...{ report: { type: "boolean", default: false } },
      out: { type: "string", default: ".data/chaos" },
    },
  });
  const { mix, containers, list, help, report, out } = values;
  const seed = values.seed === undefined ? seedOf(today) : wholeNumber("--seed", values.seed);
  const faults = values.faults?.split(",").map((text) => wholeNumber("--faults", text.trim()));
  return {
    seed,
    forMs: values.for === undefined ? undefined : durationMs(values.for),
    faults,
    mix,
    containers,
    list,
    help,
    report,
    out,
  };
}

/** The day as a number, 20260131: every run of a day does the same, and the next day something else. */
export function seedOf(day: Date): number {
  return Number(day.toISOString().slice(0, 10).replaceAll("-", ""));
}

function wholeNumber(option: string, text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new Error(`${option} takes whole numbers, not "${text}".`);
  return Number(text);
}

function durationMs(text: string): number {
  const [, number, unit] = /^(\d{1,5})(ms|s|m)$/.exec(text) ?? [];
  if (number === undefined) throw new Error(`--for takes a time such as 60s or 2m, not "${text}".`);
  return Number(number) * (unit === "m" ? 60_000 : unit === "s" ? 1_000 : 1);
}
