/**
 * The guesses at passwords that this process compares now, by name. Each may become a failure: only as many are let in as
 * failures are left to the name, and a further one waits until it is known what has become of those.
 */
export interface GuessesInHand {
  /**
   * Runs `compare` when it cannot be one guess too many. A failure must be stored before `compare` ends.
   * @param failuresLeft how many failures the name has left, by what is stored; asked again after each wait
   * @returns undefined when it has none left
   */
  letIn<Result>(
    name: string,
    failuresLeft: () => Promise<number>,
    compare: () => Promise<Result>,
  ): Promise<Result | undefined>;
}

export function createGuessesInHand(): GuessesInHand {
  const inHand = new Map<string, Set<Promise<void>>>();

  /** @returns what stood in line before, and the way to leave it */
  function standInLine(name: string): { readonly before: readonly Promise<void>[]; readonly leave: () => void } {
    const line = inHand.get(name) ?? new Set();
    inHand.set(name, line);
    const before = [...line];
    const own = Promise.withResolvers<void>();
    line.add(own.promise);
    return {
      before,
      leave() {
        line.delete(own.promise);
        if (line.size === 0) inHand.delete(name);
        own.resolve();
      },
    };
  }

  return {
    async letIn(name, failuresLeft, compare) {
      for (;;) {
        // First in line, then counted: whoever has left the line by now is among what is stored.
        const { before, leave } = standInLine(name);
        try {
          const left = await failuresLeft();
          if (left <= 0) return undefined;
          if (before.length < left) return await compare();
        } finally {
          leave();
        }
        await Promise.race(before);
      }
    },
  };
}
