/**
 * Limits login attempts by name, including those whose passwords are being compared. Each is counted as a failure before it is compared, at all replicas alike, until
 * it is known to be right. So a further one that finds no room is not refused while some are compared here: it waits for what becomes of those.
 */
export interface LoginAttemptLimiter {
  /**
   * Runs `compare` when the attempt has been counted. One that is right must be taken out of the count before `compare` ends.
   * @param count counts the attempt, if there is room for one more; asked again after each wait
   * @returns undefined when there is no room
   */
  letIn<Result>(
    name: string,
    count: () => Promise<boolean>,
    compare: () => Promise<Result>,
  ): Promise<Result | undefined>;
}

/** The attempts for one name that are counted or compared now. */
interface Line {
  readonly attempts: Set<Promise<void>>;
  /** How many have been counted since the first one came. */
  counted: number;
  /** How many of those are compared now. */
  compared: number;
}

export function createLoginAttemptLimiter(): LoginAttemptLimiter {
  const lines = new Map<string, Line>();

  function standInLine(name: string): { readonly line: Line; readonly leave: () => void } {
    const line = lines.get(name) ?? { attempts: new Set(), counted: 0, compared: 0 };
    lines.set(name, line);
    const own = Promise.withResolvers<void>();
    line.attempts.add(own.promise);
    return {
      line,
      leave() {
        line.attempts.delete(own.promise);
        if (line.attempts.size === 0) lines.delete(name);
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
        await Promise.all(line.attempts);
        if (before.compared === 0 && line.counted === before.counted) return undefined;
      }
    },
  };
}
