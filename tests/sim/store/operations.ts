/** What became of a statement. */
export type Outcome =
  | { readonly kind: "done"; readonly rows: unknown }
  | { readonly kind: "failed"; readonly error: unknown };

/** A statement that the server works on. */
export interface Operation {
  readonly pid: number;
  outcome: Outcome | undefined;
  /** Resolves when there is an outcome. */
  readonly settled: Promise<void>;
  /** Told the outcome, in the order in which statements were sent. */
  readonly deliver: (outcome: Outcome) => Promise<void> | void;
}

/** Tells whom the sessions with these process ids wait for. */
type BlockersOf = (pids: readonly number[]) => Promise<ReadonlyMap<number, readonly number[]>>;

/** Whether a session other than this one is in a transaction: nobody else holds a lock for which a statement waits. */
type OthersHold = (pid: number) => boolean;

/** How long a statement may take before the server is asked whether it waits for a lock, in real milliseconds. */
const WAIT_LIMIT_MS = 3;

/**
 * The statements that one database works on. All but one wait for locks: anyone who holds those has the next turn of the scheduler,
 * and only the end of a transaction can release any.
 */
export class Operations {
  readonly #blockersOf: BlockersOf;
  readonly #othersHold: OthersHold;
  #working: Operation[] = [];

  constructor(blockersOf: BlockersOf, othersHold: OthersHold) {
    this.#blockersOf = blockersOf;
    this.#othersHold = othersHold;
  }

  start(pid: number, run: () => Promise<unknown>, deliver: Operation["deliver"]): Operation {
    const settled = run().then(
      (rows) => void (operation.outcome = { kind: "done", rows }),
      (error: unknown) => void (operation.outcome = { kind: "failed", error }),
    );
    const operation: Operation = { pid, outcome: undefined, settled, deliver };
    this.#working.push(operation);
    return operation;
  }

  isWorking(operation: Operation): boolean {
    return this.#working.includes(operation);
  }

  /** Whether any statement waits for a lock. */
  get areWaiting(): boolean {
    return this.#working.length > 0;
  }

  /** Whether a statement waits for a lock of this session. */
  async isWaitedFor(pid: number): Promise<boolean> {
    const blockersOf = await this.#blockersOf(this.#working.map((operation) => operation.pid));
    return [...blockersOf.values()].some((blockers) => blockers.includes(pid));
  }

  /**
   * Waits until `operation`, or all of them, have come to their end or wait for a lock that nobody gives up by itself, and delivers what ended.
   * @param operation without it something has been released, and all that wait may continue
   */
  async untilStill(operation?: Operation): Promise<void> {
    const awaited = operation === undefined ? [...this.#working] : [operation];
    for (;;) {
      const open = awaited.filter(({ outcome }) => outcome === undefined);
      if (open.length === 0) break;
      if (!open.some(({ pid }) => this.#othersHold(pid))) {
        await Promise.all(open.map(({ settled }) => settled));
        break;
      }
      const expired = Promise.withResolvers<void>();
      const timer = setTimeout(expired.resolve, WAIT_LIMIT_MS);
      await Promise.race([...open.map(({ settled }) => settled), expired.promise]);
      clearTimeout(timer);
      if (open.some(({ outcome }) => outcome !== undefined)) continue;
      if (await this.#allWait(open)) break;
    }
  }

  /** Delivers what has come to its end, in the order in which it was sent. */
  async deliver(): Promise<void> {
    const ended = this.#working.filter(({ outcome }) => outcome !== undefined);
    this.#working = this.#working.filter(({ outcome }) => outcome === undefined);
    for (const { outcome, deliver } of ended) if (outcome) await deliver(outcome);
  }

  /** Whether each of them waits, by way of others, for somebody who has the scheduler's next turn. A circle is ended by the server itself. */
  async #allWait(open: readonly Operation[]): Promise<boolean> {
    const pids = this.#working.filter(({ outcome }) => outcome === undefined).map(({ pid }) => pid);
    const blockersOf = await this.#blockersOf(pids);
    const waits = (pid: number, seen: ReadonlySet<number>): boolean => {
      const blockers = blockersOf.get(pid) ?? [];
      return blockers.some(
        (other) => !blockersOf.has(other) || (!seen.has(other) && waits(other, new Set([...seen, other]))),
      );
    };
    return open.every(({ pid, outcome }) => outcome === undefined && waits(pid, new Set([pid])));
  }
}
