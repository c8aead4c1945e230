import { appendFile, mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";

const REPOSITORY = fileURLToPath(new URL("../..", import.meta.url));

/** What a result was measured on, and when. */
const code = {
  /** The day in UTC; of a result that was only recorded, the day of that. */
  date: z.iso.date(),
  /** Abbreviated; null when it is not known. */
  commit: z.string().nullable(),
  /** Whether files that git tracks differed from the commit. */
  changed: z.boolean().optional(),
  /** The commit that wrote the result down, of a result whose own commit and day are not known. */
  writtenDownBy: z.string().optional(),
};

const chaosResult = z.strictObject({
  ...code,
  /** The fault's number and name, `a mix` or `containers`. */
  title: z.string(),
  seed: z.number(),
  forMs: z.number(),
  done: z.string(),
  orders: z.number().nullable(),
  /** Requests by their status: `200 1869, 201 508`. */
  answers: z.string(),
  quiet: z.string(),
  verdict: z.enum(["kept", "broken", "not run"]),
  /** Of a kept run the rules it was held against, of another what broke or what is missing. */
  detail: z.string(),
});

const simResult = z.strictObject({
  ...code,
  command: z.string(),
  seeds: z.number(),
  /** Each seed that broke a rule. */
  broken: z.array(z.number()),
  /** By how many seeds each rule was judged; not known of results that were only recorded. */
  judged: z.record(z.string(), z.number()).optional(),
  note: z.string().optional(),
});

/** How soon ordinary seeds notice a mistake that is made on purpose. */
const mistakeResult = z.strictObject({
  ...code,
  name: z.string(),
  /** How many seeds it took until a rule was broken; null when none of `played` did. */
  seeds: z.number().nullable(),
  played: z.number(),
  rules: z.array(z.string()),
});

/** The benchmark's tables, and the columns that each has. */
export const BENCH_GROUPS = {
  /** The product against the reference pipeline, in turns; the figures themselves say more about the machine. */
  reference: ["ratio", "of the rounds", "product", "yardstick"],
  /** What the guard of CI is held to: the product's CPU per order as a multiple of the reference's, from short runs. */
  guard: ["median", "of the runs"],
  /** Parts of what `pgbench` does in the same run. Numbers a second are kept beside them, and say more about the machine. */
  load: ["of single", "of grouped"],
  unloaded: ["p50", "p99"],
  streams: ["without", "with half", "with all", "a stream"],
  day: ["after a tenth", "after half", "after all"],
  replicas: ["1 of each", "2 of each", "3 of each"],
  /** CPU of a call in the process that passes it on; microseconds are kept beside it. */
  edges: ["of a bare hop"],
} as const;
export type BenchGroup = keyof typeof BENCH_GROUPS;

const benchResult = z.strictObject({
  ...code,
  command: z.string(),
  group: z.enum(Object.keys(BENCH_GROUPS) as [BenchGroup, ...BenchGroup[]]),
  what: z.string(),
  /** By the names of the group's columns, and others that are kept and not shown. */
  figures: z.record(z.string(), z.string()),
});

export type ChaosResult = z.infer<typeof chaosResult>;
export type SimResult = z.infer<typeof simResult>;
export type MistakeResult = z.infer<typeof mistakeResult>;
export type BenchResult = z.infer<typeof benchResult>;

const kinds = { chaos: chaosResult, sim: simResult, mistakes: mistakeResult, bench: benchResult } as const;
export type ResultKind = keyof typeof kinds;
type ResultOf<Kind extends ResultKind> = z.infer<(typeof kinds)[Kind]>;

/** From the root of the repository: JSON lines, which are only ever appended to. */
const artefactOf = (kind: ResultKind) => `docs/results/${kind}.jsonl`;

/**
 * @param text lines of JSON
 * @throws Error that names the line which is no result
 */
export function parseResults<Kind extends ResultKind>(kind: Kind, text: string): readonly ResultOf<Kind>[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line, index) => {
      try {
        return kinds[kind].parse(JSON.parse(line)) as ResultOf<Kind>;
      } catch (error) {
        throw new Error(`line ${index + 1} of ${artefactOf(kind)} is no result of ${kind}`, { cause: error });
      }
    });
}

export async function readResults<Kind extends ResultKind>(
  kind: Kind,
  root = REPOSITORY,
): Promise<readonly ResultOf<Kind>[]> {
  const file = Bun.file(join(root, artefactOf(kind)));
  return (await file.exists()) ? parseResults(kind, await file.text()) : [];
}

/** Adds results to what was kept before; nothing is overwritten. */
export async function appendResults<Kind extends ResultKind>(
  kind: Kind,
  results: readonly ResultOf<Kind>[],
  root = REPOSITORY,
): Promise<void> {
  const path = join(root, artefactOf(kind));
  await mkdir(dirname(path), { recursive: true });
  await appendFile(path, results.map((result) => `${JSON.stringify(kinds[kind].parse(result))}\n`).join(""));
}

/** The code that runs, and the day. Outside of a clone the commit is not known. */
export async function codeOfToday(
  today = new Date(),
): Promise<{ date: string; commit: string | null; changed: boolean }> {
  const date = today.toISOString().slice(0, 10);
  const commit = await git("rev-parse", "--short=7", "HEAD");
  const changed = await git("status", "--porcelain", "--untracked-files=no", "--", ".", ":!docs");
  return { date, commit: commit ?? null, changed: changed !== undefined && changed !== "" };
}

async function git(...command: readonly string[]): Promise<string | undefined> {
  if (Bun.which("git") === null) return undefined;
  const run = Bun.spawn(["git", "-c", "safe.directory=*", ...command], {
    cwd: REPOSITORY,
    stdout: "pipe",
    stderr: "ignore",
  });
  const text = await run.stdout.text();
  return (await run.exited) === 0 ? text.trim() : undefined;
}
