import { writeFileSync } from "node:fs";
import { join } from "node:path";

/** The time of day of one process, which can be moved while it runs. */
export interface ClockOfReplica {
  /** What the process must be started with. */
  readonly environment: Readonly<Record<string, string>>;
  /** Moves it to this far from the real time, for a running process at once; one that starts later begins there. */
  set(offsetMs: number, pid: number | undefined): void;
}

/** @param folder where the offset is kept */
export function clockFor(replica: string, folder: string): ClockOfReplica {
  const file = join(folder, `clock-${replica}`);
  writeFileSync(file, "0");
  return {
    environment: { BUN_OPTIONS: `--preload=${join(import.meta.dir, "shifted-clock.ts")}`, SHIFTED_CLOCK_FILE: file },
    set(offsetMs, pid) {
      writeFileSync(file, String(offsetMs));
      if (pid !== undefined) process.kill(pid, "SIGUSR2");
    },
  };
}
