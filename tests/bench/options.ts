import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { ROUNDS_TO_COMPARE } from "./report/noise.ts";

export interface BenchOptions {
  readonly orders: number;
  readonly inFlight: number;
  readonly rounds: number;
  readonly warmUp: number;
  readonly unloaded: number;
  readonly constantSeconds: number;
  readonly backlog: number;
  readonly partitions: number;
  readonly finished: number;
  readonly json: string | undefined;
  readonly html: string | undefined;
  /** A revision to compare with. */
  readonly compare: string | undefined;
  /** A folder for CPU profiles. */
  readonly profile: string | undefined;
  readonly record: boolean;
}

/** The options, their defaults, and what each is. */
const NUMBERS = {
  orders: [1_500, "orders of a turn"],
  "in-flight": [64, "callers of the closed loop"],
  rounds: [3, "turns of the product; the reference has one more"],
  "warm-up": [500, "orders of each side before the first turn"],
  unloaded: [20, "sagas of a turn that run alone"],
  constant: [5, "seconds of orders at half of the maximum rate; 0 leaves that out"],
  backlog: [0, "orders that wait when the saga's services start, measured apart from the intake; 0 leaves that out"],
  partitions: [6, "partitions of a topic"],
  finished: [0, "finished orders that are in the product's tables before the first turn"],
} as const satisfies Record<string, readonly [number, string]>;
type NumberName = keyof typeof NUMBERS;

const TEXTS = {
  json: ["FILE", "writes all figures to a file"],
  html: ["FILE", "writes a page with plots"],
  compare: ["REVISION", `runs another revision, too, in turns, and says what differs (${ROUNDS_TO_COMPARE} rounds)`],
  profile: [
    "FOLDER",
    "leaves CPU profiles of all services, and prints the packages' shares; it slows the product down",
  ],
} as const;

const FLAGS = {
  record: "appends the figures to docs/results/bench.jsonl and renders docs/performance.md",
  help: "prints this",
} as const;

/** @returns undefined when the help was asked for */
export function readOptions(words: readonly string[]): BenchOptions | undefined {
  const { values } = parseArgs({
    args: [...words],
    options: {
      ...optionsOf(NUMBERS, "string" as const),
      ...optionsOf(TEXTS, "string" as const),
      ...optionsOf(FLAGS, "boolean" as const),
    },
  });
  if (values.help) return undefined;
  const number = (name: NumberName) => {
    const value = Number(values[name] ?? NUMBERS[name][0]);
    if (!Number.isInteger(value) || value < 0) throw new Error(`--${name} ${values[name]} is no whole number from 0`);
    return value;
  };
  const positive = (name: NumberName) => {
    const value = number(name);
    if (value === 0) throw new Error(`--${name} must be at least 1`);
    return value;
  };
  return {
    orders: positive("orders"),
    inFlight: positive("in-flight"),
    rounds: values.compare !== undefined && values.rounds === undefined ? ROUNDS_TO_COMPARE : positive("rounds"),
    warmUp: positive("warm-up"),
    unloaded: number("unloaded"),
    constantSeconds: number("constant"),
    backlog: number("backlog"),
    partitions: positive("partitions"),
    finished: number("finished"),
    ...{ json: values.json, html: values.html, compare: values.compare },
    profile: values.profile === undefined ? undefined : resolve(values.profile),
    record: values.record ?? false,
  };
}

function optionsOf<Name extends string, Type extends "string" | "boolean">(
  names: Readonly<Record<Name, unknown>>,
  type: Type,
): Record<Name, { type: Type }> {
  return Object.fromEntries(Object.keys(names).map((name) => [name, { type }])) as Record<Name, { type: Type }>;
}

export function helpLines(): readonly string[] {
  const line = (option: string, what: string) => `  ${option.padEnd(20)} ${what}`;
  return [
    "bun run bench: the product beside the reference pipeline, in turns, on servers of their own",
    ...Object.entries(NUMBERS).map(([name, [otherwise, what]]) => line(`--${name} N`, `${what} (${otherwise})`)),
    ...Object.entries(TEXTS).map(([name, [value, what]]) => line(`--${name} ${value}`, what)),
    ...Object.entries(FLAGS).map(([name, what]) => line(`--${name}`, what)),
  ];
}
