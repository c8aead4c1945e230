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

const RELIABILITY = "docs/reliability.md";

const TABLES: readonly Table[] = [
  { name: "sim", document: RELIABILITY, lines: async () => simTable(await readResults("sim")) },
  { name: "mistakes", document: RELIABILITY, lines: async () => mistakeTable(await readResults("mistakes")) },
  { name: "chaos", document: RELIABILITY, lines: async () => chaosTable(await readResults("chaos")) },
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
