import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";

/** The part of a V8 CPU profile, as Bun writes it with `--cpu-prof`, that the summary needs. */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string };
    readonly children?: readonly number[];
  }[];
  /** The node that each sample hit. */
  readonly samples: readonly number[];
}

/** Samples by package, the largest number first. */
export type PackageSamples = ReadonlyMap<string, number>;

/** The settings by which every service writes its profile into a folder when it ends. */
export function profileSettings(folder: string): Readonly<Record<string, string>> {
  return { BUN_OPTIONS: `--cpu-prof --cpu-prof-dir=${folder}` };
}

/**
 * Counts samples by package: npm packages by name, ours by `services/NAME` and `shared/NAME`. What runs in the runtime itself counts for the package
 * whose function called it. Bun takes samples only while JavaScript runs, and the time before a sample includes any idle time before it: so samples
 * are counted, and their times are not.
 */
export function samplesByPackage({ nodes, samples }: CpuProfile): PackageSamples {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const parents = new Map(nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id] as const)));
  const packageAt = (id: number | undefined): string => {
    for (let at = id; at !== undefined; at = parents.get(at)) {
      const found = packageOf(byId.get(at)?.callFrame.url ?? "");
      if (found !== undefined) return found;
    }
    return "runtime";
  };
  const counts = new Map<string, number>();
  for (const id of samples) {
    const name = byId.get(id)?.callFrame.functionName;
    if (name === "(idle)") continue;
    const of = name === "(garbage collector)" ? "garbage collector" : packageAt(id);
    counts.set(of, (counts.get(of) ?? 0) + 1);
  }
  return new Map([...counts].toSorted(([, one], [, other]) => other - one));
}

/** @returns undefined for what belongs to no package, as the runtime's own modules */
function packageOf(url: string): string | undefined {
  const installed = [...url.matchAll(/node_modules\/((?:@[^/]+\/)?[^/@.][^/]*)\//g)].at(-1)?.[1];
  return installed ?? /\/((?:services|shared)\/[a-z-]+)\//.exec(url)?.[1];
}

/** Which service a profile is of. */
function serviceOf({ nodes }: CpuProfile): string {
  const main = nodes.map(({ callFrame }) => /\/services\/([a-z]+)\/src\/main\.ts$/.exec(callFrame.url)?.[1]);
  const counts = new Map<string, number>();
  for (const { callFrame } of nodes) {
    const name = /\/services\/([a-z]+)\//.exec(callFrame.url)?.[1];
    if (name !== undefined) counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return main.find((name) => name !== undefined) ?? [...counts].toSorted(([, a], [, b]) => b - a)[0]?.[0] ?? "unknown";
}

const PACKAGES_SHOWN = 12;

/** The profiles in a folder as lines for a person: by service, the packages that used most. */
export async function profileLines(folder: string): Promise<readonly string[]> {
  await mkdir(folder, { recursive: true });
  const files = (await readdir(folder)).filter((name) => name.endsWith(".cpuprofile")).toSorted();
  const lines: string[] = [`CPU profiles in ${folder}`];
  for (const file of files) {
    const profile = (await Bun.file(join(folder, file)).json()) as CpuProfile;
    const counts = samplesByPackage(profile);
    const all = [...counts.values()].reduce((sum, count) => sum + count, 0);
    lines.push("", `  ${serviceOf(profile)}: ${all} samples, ${file}`);
    for (const [name, count] of [...counts].slice(0, PACKAGES_SHOWN)) {
      lines.push(`    ${((100 * count) / all).toFixed(1).padStart(5)} %  ${name}`);
    }
  }
  return lines;
}
