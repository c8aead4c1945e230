/** What a run does before its first test and behind its last one: loading, and the end of the process. */
const AROUND_THE_TESTS_MS = 60_000;

/**
 * The longest time that a test or a hook of a file may take: the largest limit that it declares, as the last argument of `test` or a hook or to
 * `setDefaultTimeout`.
 * @param source of the test file
 * @param usualMs for a test that declares none
 * @returns milliseconds
 */
export function longestLimitMs(source: string, usualMs: number): number {
  const declared = Array.from(
    source.matchAll(/^\s*(?:\}, ([\d_]+)\);|([\d_]+),\n\s*\);|setDefaultTimeout\(([\d_]+)\);)/gm),
  );
  const limits = declared.map(([, closing, ownLine, usual]) =>
    Number((closing ?? ownLine ?? usual)?.replaceAll("_", "")),
  );
  return Math.max(usualMs, ...limits);
}

/**
 * How long a run of `bun test` may say nothing before it is ended. Each test says when it has ended, so this is no bound on the run as a whole: a run
 * whose tests keep their limits is never ended, however many they are and however slow the machine is.
 * @returns milliseconds
 */
export function quietLimitMs(sources: readonly string[], usualMs: number): number {
  return Math.max(...sources.map((source) => longestLimitMs(source, usualMs))) + AROUND_THE_TESTS_MS;
}
