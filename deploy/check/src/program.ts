import { type Exit, type GuardedProcess, startGuarded } from "@shop/local/guarded-process";

export interface ProgramRun {
  readonly arguments: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** It is ended, and has failed, when it has written no line for this long; in milliseconds. */
  readonly quietMs: number;
  readonly onLine: (line: string) => void;
}

/** Runs programs and knows which run, so that anyone who is told to stop can stop them. */
export class ProgramRunner {
  readonly #running = new Set<GuardedProcess>();
  #stopped = false;

  /**
   * Runs Bun with these arguments to its end.
   * @throws an Error after `stop`
   */
  async runBun({ arguments: rest, environment, cwd, quietMs, onLine }: ProgramRun): Promise<Exit> {
    if (this.#stopped) throw new Error("Nothing is run any more");
    let heardAtMs = performance.now();
    const started = await startGuarded({
      command: [process.execPath, ...rest],
      environment,
      cwd,
      onLine(line) {
        heardAtMs = performance.now();
        onLine(line);
      },
    });
    this.#running.add(started);
    if (this.#stopped) void started.stop("SIGTERM", 5_000);
    let timer: Timer | undefined;
    const look = () => {
      const leftMs = heardAtMs + quietMs - performance.now();
      if (leftMs > 0) {
        timer = setTimeout(look, leftMs);
        return;
      }
      onLine(`It has written nothing for ${quietMs / 1_000} s and is stopped.`);
      void started.stop("SIGTERM", 5_000);
    };
    look();
    const exit = await started.exited;
    clearTimeout(timer);
    this.#running.delete(started);
    return exit;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all([...this.#running].map((program) => program.stop("SIGTERM", 5_000)));
  }
}
