import { execFile } from "node:child_process";
import { promisify } from "node:util";

interface ProcessRow {
  readonly pid: number;
  readonly parent: number;
  readonly command: string;
}

/** All processes that run; one that has ended and is only waiting to be reaped does not. */
export async function runningProcesses(): Promise<readonly ProcessRow[]> {
  const { stdout } = await promisify(execFile)("ps", ["-axo", "pid=,ppid=,stat=,args="], {
    maxBuffer: 64 * 1024 * 1024,
  });
  return stdout.split("\n").flatMap((line) => {
    const match = /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(.*)$/.exec(line);
    if (match === null || match[3]?.startsWith("Z")) return [];
    return [{ pid: Number(match[1]), parent: Number(match[2]), command: match[4] ?? "" }];
  });
}

/** What a process has started, at any depth, and whatever else names `marker` in its command line (a guard is nobody's child any more). */
export async function familyOf(pid: number, marker: string): Promise<readonly ProcessRow[]> {
  const all = await runningProcesses();
  const members = new Set([pid]);
  for (let grown = true; grown;) {
    const before = members.size;
    for (const row of all) if (members.has(row.parent)) members.add(row.pid);
    grown = members.size > before;
  }
  // `ps` itself is a child of anyone who runs the tests, never of `pid`.
  return all.filter((row) => row.pid !== pid && (members.has(row.pid) || row.command.includes(marker)));
}
