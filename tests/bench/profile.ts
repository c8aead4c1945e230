import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";

/** The part of a V8 CPU profile, as Bun writes it with `--cpu-prof`, that the summary needs. */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string };
    readonly children?: readonly number[];
  }[];
  readonly samples: readonly number[];
  /** Microseconds before each sample. */
  readonly timeDeltas: readonly number[];
}

/** Self time in milliseconds by package, the largest first; idle time is left out. */
export type PackageTimes = ReadonlyMap<string, number>;

/** The settings by which every service writes its profile into a folder when it ends. */
export function profileSettings(folder: string): Readonly<Record<string, string>> {
  return { BUN_OPTIONS: `--cpu-prof --cpu-prof-dir=${folder}` };
}

/**
 * Sums self time up by package: of npm packages by name, of ours by `services/NAME` and `shared/NAME`. What runs in the runtime itself counts for the
 * package whose function called it.
 */
export function timesByPackage({ nodes, samples, timeDeltas }: CpuProfile): PackageTimes {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const parents = new Map(nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id] as const)));
  const packageAt = (id: number | undefined): string => {
    for (let at = id; at !== undefined; at = parents.get(at)) {
      const found = packageOf(byId.get(at)?.callFrame.url ?? "");
      if (found !== undefined) return found;
    }
    return "runtime";
  };
  const times = new Map<string, number>();
  for (const [index, id] of samples.entries()) {
    const name = byId.get(id)?.callFrame.functionName;
    if (name === "(idle)") continue;
    const of = name === "(garbage collector)" ? "garbage collector" : packageAt(id);
    times.set(of, (times.get(of) ?? 0) + (timeDeltas[index] ?? 0) / 1_000);
  }
  return new Map([...times].toSorted(([, one], [, other]) => other - one));
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
    const times = timesByPackage(profile);
    const all = [...times.values()].reduce((sum, ms) => sum + ms, 0);
    lines.push("", `  ${serviceOf(profile)}: ${all.toFixed(0)} ms, ${file}`);
    for (const [name, ms] of [...times].slice(0, PACKAGES_SHOWN)) {
      lines.push(`    ${((100 * ms) / all).toFixed(1).padStart(5)} % ${ms.toFixed(0).padStart(7)} ms  ${name}`);
    }
  }
  return lines;
}
