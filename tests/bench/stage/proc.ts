import { readdir, readFile } from "node:fs/promises";

/** What /proc counts CPU in: 100 ticks a second on every Linux. */
const MS_A_TICK = 10;

interface Stat {
  readonly parent: number;
  /** CPU of the process itself, in milliseconds. */
  readonly ownMs: number;
  /** CPU of its children that have ended. */
  readonly endedChildrenMs: number;
}

/** @returns undefined for a process that is gone */
async function statOf(pid: number): Promise<Stat | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined);
  // The second field is the program's name in parentheses, which may hold spaces.
  const fields = text?.slice(text.lastIndexOf(") ") + 2).split(" ");
  if (fields === undefined) return undefined;
  const ticks = (...indices: readonly number[]) => indices.reduce((sum, index) => sum + Number(fields[index]), 0);
  return { parent: Number(fields[1]), ownMs: ticks(11, 12) * MS_A_TICK, endedChildrenMs: ticks(13, 14) * MS_A_TICK };
}

/** Milliseconds of CPU that a process has used; 0 when it is gone. */
export async function cpuMsOf(pid: number): Promise<number> {
  return (await statOf(pid))?.ownMs ?? 0;
}

/** The same with all of its children, those that have ended among them. */
export async function familyCpuMsOf(pid: number): Promise<number> {
  const stat = await statOf(pid);
  const children = await Promise.all((await childrenOf(pid)).map(cpuMsOf));
  return children.reduce((sum, ms) => sum + ms, (stat?.ownMs ?? 0) + (stat?.endedChildrenMs ?? 0));
}

export async function childrenOf(parent: number): Promise<readonly number[]> {
  const pids = (await readdir("/proc")).map(Number).filter(Number.isInteger);
  const stats = await Promise.all(pids.map(async (pid) => [pid, (await statOf(pid))?.parent] as const));
  return stats.filter(([, of]) => of === parent).map(([pid]) => pid);
}

/** The words of its command line; none when it is gone. PostgreSQL writes what a backend is for in the first. */
export async function commandOf(pid: number): Promise<readonly string[]> {
  const text = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
  return text.split("\0").filter((word) => word !== "");
}

/** Resident memory in MB; 0 when it is gone. */
export async function memoryMbOf(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
  return Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1_024);
}
