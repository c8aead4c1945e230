/** Something outside of this program is missing or in the way; the message is one sentence and its remedy, meant for a person. */
export class SetupError extends Error {
  override readonly name = "SetupError";
}

/**
 * What a failed program's output says about this machine, in words that help; otherwise the output itself.
 * @param what the program, as the sentence's subject: "PostgreSQL"
 */
export function explainFailure(what: string, outcome: string, lastLines: readonly string[]): SetupError {
  const output = lastLines.join("\n");
  if (saysDiskIsFull(lastLines)) {
    return new SetupError(
      `${what} ${outcome}: the disk is full. Free some space, or set TMPDIR to a folder on another disk.`,
    );
  }
  if (/address already in use|EADDRINUSE/i.test(output)) {
    return new SetupError(
      `${what} ${outcome}: its port is in use. Stop the program that holds it, or choose another port.`,
    );
  }
  if (
    /cannot allocate memory|could not reserve enough space|insufficient memory|could not map anonymous shared memory/i.test(
      output,
    )
  ) {
    return new SetupError(
      `${what} ${outcome}: there is too little memory. Close other programs; the whole system needs about 1.5 GB.`,
    );
  }
  const shown =
    output === "" ? " It wrote nothing." : ` Its last lines:\n${lastLines.map((line) => `  ${line}`).join("\n")}`;
  return new SetupError(`${what} ${outcome}.${shown}`);
}

/** Whether a file operation failed because there is no room left. */
export function isDiskFull(error: unknown): boolean {
  return error instanceof Error && "code" in error && (error.code === "ENOSPC" || error.code === "EDQUOT");
}

export function saysDiskIsFull(lines: readonly string[]): boolean {
  return lines.some((line) => /no space left on device|ENOSPC|disk quota exceeded/i.test(line));
}
