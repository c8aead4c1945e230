/**
 * The guesses at passwords that this process compares now, by name. Each is counted as a failure before it is compared, at all replicas alike, until
 * it is known to be right. So a further one that finds no room is not refused while some are compared here: it waits for what becomes of those.
 */
export interface GuessesInHand {
  /**
   * Runs `compare` when the guess has been counted. One that is right must be taken out of the count before `compare` ends.
   * @param count counts the guess, if there is room for one more; asked again after each wait
   * @returns undefined when there is no room
   */
  letIn<Result>(
    name: string,
    count: () => Promise<boolean>,
    compare: () => Promise<Result>,
  ): Promise<Result | undefined>;
}

/** The guesses for one name that are counted or compared now. */
interface Line {
  readonly guesses: Set<Promise<void>>;
  /** How many have been counted since the first one came. */
  counted: number;
  /** How many of those are compared now. */
  compared: number;
}

export function createGuessesInHand(): GuessesInHand {
  const inHand = new Map<string, Line>();

  function standInLine(name: string): { readonly line: Line; readonly leave: () => void } {
    const line = inHand.get(name) ?? { guesses: new Set(), counted: 0, compared: 0 };
    inHand.set(name, line);
    const own = Promise.withResolvers<void>();
    line.guesses.add(own.promise);
    return {
      line,
      leave() {
        line.guesses.delete(own.promise);
        if (line.guesses.size === 0) inHand.delete(name);
        own.resolve();
      },
    };
  }

  return {
    async letIn(name, count, compare) {
      for (;;) {
        const { line, leave } = standInLine(name);
        const before = { ...line };
        let isCounted = false;
        try {
          isCounted = await count();
          if (isCounted) {
            line.counted += 1;
            line.compared += 1;
            return await compare();
          }
        } finally {
          if (isCounted) line.compared -= 1;
          leave();
        }
        // One that stands here may have been counted first, though it has not heard of it yet.
        await Promise.all(line.guesses);
        if (before.compared === 0 && line.counted === before.counted) return undefined;
      }
    },
  };
}
