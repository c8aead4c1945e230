import { describeExit, type Exit, type GuardedProcess, startGuarded } from "./guarded-process.ts";
import { explainFailure, SetupError } from "./setup-error.ts";

export interface ProcessSpec {
  /** Unique in a supervisor: `order`, and `order-2` for a second replica. */
  readonly name: string;
  readonly command: readonly [string, ...string[]];
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** Answers 200 when the process can do its work; without it a process counts as ready once it has been started. */
  readonly readyUrl?: string;
  /** What such an answer says that the process still lacks; by default nothing. */
  readonly lacks?: (answer: Response) => Promise<string | undefined>;
  /** 120 s by default: several times a cold start on a busy machine. */
  readonly readyWithinMs?: number;
  /** Processes of a higher tier use those of the lower ones, so they are stopped first; those of one tier are stopped together. */
  readonly tier?: number;
}

export interface SupervisorOptions {
  /** Each line of a process's standard output and standard error. */
  readonly onLine?: (name: string, line: string) => void;
  /** Told when a process ends that nobody has killed or stopped. */
  readonly onUnexpectedExit?: (name: string, exit: Exit, lastLines: readonly string[]) => void;
  /** Starts a process again that has ended though nobody has killed or stopped it; by default it stays down. */
  readonly restarts?: Restarts;
  /** How long a process may take to end after SIGTERM; 10 s by default, which is what the contract gives a service for finishing what it holds. */
  readonly stopTimeoutMs?: number;
}

/** How processes are started again, with exponential backoff. */
export interface Restarts {
  /** The pause before the first restart; each further one is twice as long, up to `maxMs`. */
  readonly firstMs: number;
  readonly maxMs: number;
  /** A process that was ready for this long begins with `firstMs` again. */
  readonly stableMs: number;
  readonly onPause?: (name: string, pauseMs: number) => void;
  /** It is ready again. */
  readonly onReady?: (name: string) => void;
  /** It has ended again before it was ready, or was not ready in time. */
  readonly onFailure?: (name: string, error: SetupError) => void;
}

/** Starts processes, and sees to it that each of them ends, at the latest with this process. */
export interface Supervisor {
  /**
   * Starts these at the same time and waits until all are ready.
   * @throws SetupError with the last lines of the first one that ends or is not ready in time; the others continue until `stopAll`
   */
  start(specs: readonly ProcessSpec[]): Promise<void>;
  /** The process ids by name, of those that run. */
  pids(): ReadonlyMap<string, number>;
  /** Sends a signal, SIGKILL by default; after SIGKILL, SIGTERM and SIGINT it waits until the process has ended. */
  kill(name: string, signal?: NodeJS.Signals): Promise<void>;
  /**
   * Starts a process again as it was started before (stopping it when it runs) and waits until it is ready.
   * @param cwd in another folder, from now on: another release of the same program
   * @throws SetupError when it does not become ready; with `restarts` it is started again, and again, all the same
   */
  restart(name: string, cwd?: string): Promise<void>;
  /** Ends all: the highest tier first, by SIGTERM, then by SIGKILL. Called again it waits for the same end. */
  stopAll(): Promise<void>;
}

const READY_TIMEOUT_MS = 120_000;

interface Entry {
  readonly spec: ProcessSpec;
  process: GuardedProcess;
  endIsExpected: boolean;
}

export function createSupervisor({
  onLine,
  onUnexpectedExit,
  restarts,
  stopTimeoutMs = 10_000,
}: SupervisorOptions = {}): Supervisor {
  const entries = new Map<string, Entry>();
  /** The last pause before a restart, by the name of the process, in milliseconds. */
  const pauses = new Map<string, number>();
  let stopping: Promise<void> | undefined;

  const isStopping = () => stopping !== undefined;

  async function launch(spec: ProcessSpec): Promise<void> {
    if (isStopping()) throw new SetupError(`${spec.name} is not started: all is being stopped.`);
    if (entries.get(spec.name)?.process.isRunning()) throw new Error(`${spec.name} runs already`);
    const process = await startGuarded({
      command: spec.command,
      environment: spec.environment,
      ...(spec.cwd === undefined ? {} : { cwd: spec.cwd }),
      onLine: (line) => onLine?.(spec.name, line),
    });
    const entry: Entry = { spec, process, endIsExpected: false };
    entries.set(spec.name, entry);
    // The stop may have begun while the process came up, too late to see it.
    if (isStopping()) await end(entry);
    let readyAtMs: number | undefined;
    void process.exited.then((exit) => {
      if (readyAtMs === undefined || entry.endIsExpected) return;
      onUnexpectedExit?.(spec.name, exit, process.lastLines());
      if (restarts === undefined) return;
      if (performance.now() - readyAtMs >= restarts.stableMs) pauses.delete(spec.name);
      void keepStarting(entry, restarts);
    });
    try {
      await untilReady(entry);
      readyAtMs = performance.now();
    } catch (error) {
      // One that was stopped while it started did not fail.
      if (!entry.endIsExpected) throw error;
    }
  }

  /** Starts a process that has ended, again and again, until it is ready or somebody else has started or stopped it. */
  async function keepStarting(ended: Entry, { firstMs, maxMs, onPause, onReady, onFailure }: Restarts): Promise<void> {
    const { spec } = ended;
    let current = ended;
    for (;;) {
      const lastMs = pauses.get(spec.name);
      const pauseMs = lastMs === undefined ? firstMs : Math.min(maxMs, lastMs * 2);
      pauses.set(spec.name, pauseMs);
      onPause?.(spec.name, pauseMs);
      await Bun.sleep(pauseMs);
      if (isStopping() || current.endIsExpected || entries.get(spec.name) !== current) return;
      try {
        await launch(spec);
        if (!isStopping()) onReady?.(spec.name);
        return;
      } catch (error) {
        if (isStopping()) return;
        if (!(error instanceof SetupError)) throw error;
        current = entryOf(spec.name);
        onFailure?.(spec.name, error);
        // One that runs without becoming ready makes room for the next.
        await current.process.stop("SIGTERM", stopTimeoutMs);
      }
    }
  }

  function entryOf(name: string): Entry {
    const entry = entries.get(name);
    if (entry === undefined)
      throw new Error(`there is no process ${name}; there are ${[...entries.keys()].join(", ")}`);
    return entry;
  }

  async function end(entry: Entry): Promise<void> {
    entry.endIsExpected = true;
    await entry.process.stop("SIGTERM", stopTimeoutMs);
  }

  async function stopTiers(): Promise<void> {
    const tiers = Map.groupBy(entries.values(), ({ spec }) => spec.tier ?? 0);
    for (const tier of [...tiers.keys()].toSorted((one, other) => other - one))
      await Promise.all((tiers.get(tier) ?? []).map(end));
  }

  return {
    async start(specs) {
      await Promise.all(specs.map(launch));
    },
    pids: () =>
      new Map(
        [...entries].filter(([, { process }]) => process.isRunning()).map(([name, { process }]) => [name, process.pid]),
      ),
    async kill(name, signal = "SIGKILL") {
      const entry = entryOf(name);
      const ends = signal === "SIGKILL" || signal === "SIGTERM" || signal === "SIGINT";
      if (ends) entry.endIsExpected = true;
      entry.process.signal(signal);
      if (ends) await entry.process.exited;
    },
    async restart(name, cwd) {
      const entry = entryOf(name);
      await end(entry);
      try {
        await launch(cwd === undefined ? entry.spec : { ...entry.spec, cwd });
      } catch (error) {
        if (restarts !== undefined && !isStopping()) void keepStarting(entryOf(name), restarts);
        throw error;
      }
    },
    stopAll() {
      stopping ??= stopTiers();
      return stopping;
    },
  };
}

async function untilReady({ spec, process }: Entry): Promise<void> {
  const { name, readyUrl, lacks, readyWithinMs = READY_TIMEOUT_MS } = spec;
  if (readyUrl === undefined) return;
  const deadline = performance.now() + readyWithinMs;
  for (;;) {
    const refusal = await whyNotReady(readyUrl, process, lacks);
    if (!process.isRunning())
      throw explainFailure(
        `The process ${name}`,
        `${describeExit(await process.exited)} before it was ready`,
        process.lastLines(),
      );
    if (refusal === undefined) return;
    if (performance.now() > deadline) {
      throw explainFailure(
        `The process ${name}`,
        `was not ready within ${readyWithinMs / 1000} s (${refusal})`,
        process.lastLines(),
      );
    }
    await Promise.race([Bun.sleep(25), process.exited]);
  }
}

async function whyNotReady(
  url: string,
  process: GuardedProcess,
  lacks: ProcessSpec["lacks"] = () => Promise.resolve(undefined),
): Promise<string | undefined> {
  const asking = new AbortController();
  const timer = setTimeout(() => asking.abort(new Error("no answer within 2 s")), 2_000);
  void process.exited.then(() => asking.abort(new Error("it has ended")));
  try {
    const response = await fetch(url, { signal: asking.signal });
    return response.ok ? await lacks(response) : `${url} answers ${response.status}: ${await response.text()}`;
  } catch (error) {
    return `${url}: ${error instanceof Error ? error.message : String(error)}`;
  } finally {
    clearTimeout(timer);
  }
}
