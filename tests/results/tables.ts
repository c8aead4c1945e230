import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  BENCH_GROUPS,
  type BenchGroup,
  type BenchResult,
  type ChaosResult,
  type MistakeResult,
  readResults,
  type SimResult,
} from "./results.ts";

const REPOSITORY = fileURLToPath(new URL("../..", import.meta.url));

/** A table of results: it stands behind the line `<!-- results: NAME -->` of its document. */
interface Table {
  readonly name: string;
  readonly document: string;
  readonly lines: () => Promise<readonly string[]>;
}

const TABLES: readonly Table[] = [
  {
    name: "summary",
    document: "docs/reliability.md",
    lines: async () =>
      summaryTable(await readResults("chaos"), await readResults("sim"), await readResults("mistakes")),
  },
  { name: "chaos", document: "docs/results/chaos.md", lines: async () => chaosTable(await readResults("chaos")) },
  { name: "sim", document: "docs/results/sim.md", lines: async () => simTable(await readResults("sim")) },
  {
    name: "mistakes",
    document: "docs/results/mistakes.md",
    lines: async () => mistakeTable(await readResults("mistakes")),
  },
  ...(Object.keys(BENCH_GROUPS) as BenchGroup[]).map((group) => ({
    name: `bench ${group}`,
    document: group === "replicas" ? "docs/operations.md" : "docs/performance.md",
    lines: async () => benchTable(group, await readResults("bench")),
  })),
];

type Code = Pick<ChaosResult, "date" | "commit" | "changed" | "writtenDownBy">;

/** Commit and day: of a result that was only recorded, the commit that did so, which is later than what it was measured on. */
function codeCell({ date, commit, changed = false, writtenDownBy }: Code): string {
  if (writtenDownBy !== undefined) return `unknown; recorded by \`${writtenDownBy}\`, ${date}`;
  return `${commit === null ? "unknown" : `\`${commit}\``}${changed ? " and changes" : ""}, ${date}`;
}

const cell = (text: string | number | null) => String(text ?? "").replaceAll("|", "\\|");
const row = (...cells: readonly (string | number | null)[]) => `| ${cells.map(cell).join(" | ")} |`;

function table(columns: readonly string[], rows: readonly string[]): readonly string[] {
  return [row(...columns), row(...columns.map(() => "---")), ...rows];
}

/** What was played in all, and what broke: a row for each kind of run. */
export function summaryTable(
  chaos: readonly ChaosResult[],
  sim: readonly SimResult[],
  mistakes: readonly MistakeResult[],
): readonly string[] {
  const lastOfFault = [...new Map(chaos.map((result) => [result.title, result])).values()];
  const kept = lastOfFault.filter(({ verdict }) => verdict === "kept");
  const broken = chaos.filter(({ verdict }) => verdict === "broken");
  const seedRow = (what: string, results: readonly SimResult[]) => {
    const seeds = results.reduce((sum, result) => sum + result.seeds, 0);
    const brokenSeeds = results.flatMap((result) => result.broken).length;
    return row(
      what,
      `${seeds.toLocaleString("en")} seeds`,
      `seeds that broke a rule: ${brokenSeeds}`,
      newestOf(results),
    );
  };
  const isEngine = ({ command }: SimResult) => command.includes("--engine");
  const lastOfMistake = [...new Map(mistakes.map((result) => [result.name, result])).values()];
  const noticed = lastOfMistake.filter(({ seeds }) => seeds !== null);
  return table(
    ["Run", "Played", "Result", "Newest: commit, day"],
    [
      row(
        ...["Faults on real processes", `${lastOfFault.length} faults, ${chaos.length} runs`],
        ...[`kept all rules in the last run of ${kept.length}; runs that broke one: ${broken.length}`, newestOf(chaos)],
      ),
      seedRow(
        "Simulator",
        sim.filter((result) => !isEngine(result)),
      ),
      seedRow("Simulator, the saga engine alone", sim.filter(isEngine)),
      row(
        ...["Mistakes made on purpose", `${lastOfMistake.length} mistakes`],
        ...[`noticed by ordinary seeds: ${noticed.length}`, newestOf(mistakes)],
      ),
    ],
  );
}

const newestOf = (results: readonly Code[]) => {
  const newest = results.at(-1);
  return newest === undefined ? "none" : codeCell(newest);
};

/** The last result of each fault, and every one that was not kept, by the faults' numbers and then as they were made. */
export function chaosTable(results: readonly ChaosResult[]): readonly string[] {
  const newest = new Map(results.map((result) => [result.title, result]));
  const numberOf = ({ title }: ChaosResult) => Number.parseInt(title) || Number.MAX_SAFE_INTEGER;
  const shown = results
    .filter((result) => newest.get(result.title) === result || result.verdict !== "kept")
    .toSorted(
      (one, other) =>
        numberOf(one) - numberOf(other) || (one.title < other.title ? -1 : Number(one.title > other.title)),
    );
  return table(
    ["Fault", "Seed, load", "Done", "Orders", "Answers", "Quiet after", "Verdict", "Commit, day"],
    shown.map((result) => {
      const verdict = result.verdict === "kept" ? "kept" : `**${result.verdict}**`;
      return row(
        ...[result.title, `${result.seed}, ${result.forMs / 1_000} s`, result.done, result.orders, result.answers],
        ...[result.quiet, `${verdict} ${result.detail}`.trim(), codeCell(result)],
      );
    }),
  );
}

/** All seeds that were played, as they were played. */
export function simTable(results: readonly SimResult[]): readonly string[] {
  return table(
    ["Command", "Seeds", "Broke a rule", "Judged by each rule", "Commit, day"],
    results.map((result) => {
      const judged = Object.entries(result.judged ?? {}).map(([rule, seeds]) => `${rule} ${seeds}`);
      const note = result.note === undefined ? "" : `, ${result.note}`;
      return row(
        ...[`${result.command}${note}`, result.seeds.toLocaleString("en")],
        ...[result.broken.join(", ") || "none", judged.join(", ") || "not recorded", codeCell(result)],
      );
    }),
  );
}

/** The last result of each mistake, those that were noticed latest or not at all at the end. */
function mistakeTable(results: readonly MistakeResult[]): readonly string[] {
  const newest = [...new Map(results.map((result) => [result.name, result])).values()];
  const seedsOf = ({ seeds }: MistakeResult) => seeds ?? Number.MAX_SAFE_INTEGER;
  return table(
    ["Mistake", "Seeds until a rule was broken", "Rules", "Commit, day"],
    newest
      .toSorted((one, other) => seedsOf(one) - seedsOf(other))
      .map((result) =>
        row(result.name, result.seeds ?? `none of ${result.played}`, result.rules.join(" ") || "-", codeCell(result)),
      ),
  );
}

/** All of a group that was measured, as it was measured. */
function benchTable(group: BenchGroup, results: readonly BenchResult[]): readonly string[] {
  const columns = BENCH_GROUPS[group];
  return table(
    ["What", ...columns, "Command", "Commit, day"],
    results
      .filter((result) => result.group === group)
      .map((result) =>
        row(
          ...[result.what, ...columns.map((name) => result.figures[name] ?? "not measured")],
          ...[`\`${result.command}\``, codeCell(result)],
        ),
      ),
  );
}

/**
 * Puts a table behind its marker, in place of the one that stands there.
 * @throws Error when the text has no such marker
 */
export function withTable(text: string, name: string, lines: readonly string[]): string {
  const all = text.split("\n");
  const marker = `<!-- results: ${name} -->`;
  const at = all.indexOf(marker);
  if (at < 0) throw new Error(`there is no line ${marker} to put a table behind`);
  let from = at + 1;
  while (all[from] === "") from += 1;
  let until = from;
  while (all[until]?.startsWith("|")) until += 1;
  return [...all.slice(0, at + 1), "", ...lines, ...(until === from ? [""] : []), ...all.slice(until)].join("\n");
}

/** The documents with the tables that the kept results make, by their paths from the root. */
export async function renderedDocuments(): Promise<ReadonlyMap<string, string>> {
  const texts = new Map<string, string>();
  for (const { name, document, lines } of TABLES) {
    const text = texts.get(document) ?? (await Bun.file(join(REPOSITORY, document)).text());
    texts.set(document, withTable(text, name, await lines()));
  }
  return texts;
}

/** Writes the tables into the documents. @returns the paths of those that changed */
export async function writeTables(): Promise<readonly string[]> {
  const changed: string[] = [];
  for (const [path, text] of await renderedDocuments()) {
    const file = Bun.file(join(REPOSITORY, path));
    if ((await file.text()) === text) continue;
    await Bun.write(file, text);
    changed.push(path);
  }
  return changed;
}
