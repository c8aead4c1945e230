import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Entry } from "../harness/load/journal.ts";

/** What is kept of a run, whatever comes of it. */
export interface Records {
  /** Every answer that a client was given. */
  readonly journal: Entry[];
  /** Records what is done, with its time. */
  write(text: string): void;
  /** @param processes what the processes wrote */
  save(folder: string, processes: string): Promise<void>;
}

export function createRecords(): Records {
  const journal: Entry[] = [];
  const script: string[] = [];
  const startedAt = performance.now();
  return {
    journal,
    write: (text) => void script.push(`${((performance.now() - startedAt) / 1_000).toFixed(1)} s  ${text}`),
    async save(folder, processes) {
      await mkdir(folder, { recursive: true });
      await writeFile(join(folder, "script.log"), `${script.join("\n")}\n`);
      await writeFile(join(folder, "journal.ndjson"), journal.map((entry) => `${JSON.stringify(entry)}\n`).join(""));
      await writeFile(join(folder, "processes.log"), processes);
    },
  };
}
