import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { seedOf } from "../chaos/options.ts";
import { FAULT_NAMES } from "./plan.ts";

export interface Options {
  readonly seed: number;
  readonly seeds: number;
  /** No further seed is begun after so long, in real milliseconds; undefined when all are to be played. */
  readonly forMs: number | undefined;
  /** How many processes play seeds side by side. */
  readonly workers: number;
  /** The names of the faults, in place of those that each seed draws. */
  readonly faults: readonly string[] | undefined;
  /** Only the saga engine, with participants that are modelled. */
  readonly engine: boolean;
  /** Writes the whole trace of each seed. */
  readonly trace: boolean;
  /** Whether the seeds are added to those that have been played. */
  readonly tally: boolean;
  readonly help: boolean;
}

export const USAGE = `The whole system in one process and in simulated time: what goes wrong, and when, follows from the seed alone.

  bun run sim                        a hundred seeds, from one that changes every day
  bun run sim --seed 7               that one, with its trace
  bun run sim --engine --seeds 100000

  --seed N         the first seed; alone it is the only one, and its whole trace is written
  --seeds M        how many, from that one on
  --for SECONDS    begins no further seed after that
  --workers N      in so many processes; as many as there are processors by default
  --faults NAMES   separated by commas, in place of those that each seed draws; "none" for none: ${FAULT_NAMES.join(", ")}
  --engine         the saga engine alone, with participants that are modelled: a hundred thousand seeds in seconds
  --tally          appends the seeds, with commit and day, to docs/results/sim.jsonl, and renders docs/results/sim.md
  --help           this

Ends with 0 when every rule held under every seed, with 1 when one was broken, with 2 for a wrong option.
`;

/**
 * @param today gives the first seed when none is given
 * @throws Error with a sentence for anyone who called
 */
export function readOptions(argv: readonly string[], today: Date): Options {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      ...{ seed: { type: "string" }, seeds: { type: "string" }, for: { type: "string" }, faults: { type: "string" } },
      workers: { type: "string", default: String(availableParallelism()) },
      ...{ engine: { type: "boolean", default: false }, help: { type: "boolean", default: false } },
      tally: { type: "boolean", default: false },
    },
  });
  const isOne = values.seed !== undefined && values.seeds === undefined && values.for === undefined;
  const faults = values.faults === "none" ? [] : values.faults?.split(",").map((name) => name.trim());
  const unknown = faults?.filter((name) => !FAULT_NAMES.includes(name)) ?? [];
  if (unknown.length > 0)
    throw new Error(`There is no fault ${unknown.join(", ")}. There are ${FAULT_NAMES.join(", ")}.`);
  const many = values.engine ? 100_000 : values.for === undefined ? 100 : Number.MAX_SAFE_INTEGER;
  return {
    seed: values.seed === undefined ? seedOf(today) * 1_000 : wholeNumber("--seed", values.seed),
    seeds: isOne ? 1 : values.seeds === undefined ? many : wholeNumber("--seeds", values.seeds),
    forMs: values.for === undefined ? undefined : wholeNumber("--for", values.for) * 1_000,
    workers: Math.max(1, wholeNumber("--workers", values.workers)),
    ...{ faults, engine: values.engine, trace: isOne, tally: values.tally, help: values.help },
  };
}

function wholeNumber(name: string, text: string): number {
  if (!/^\d+$/.test(text)) throw new Error(`${name} takes a whole number, not ${text}.`);
  return Number(text);
}
