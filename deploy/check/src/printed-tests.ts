/** What `bun test` says of its own counts: they are counted here, over all runs. */
const CHATTER = /^(?:bun test v.*| *\d+ (?:pass|fail|error|expect\(\) calls)|Ran \d+ tests? across .*|)$/;
const FILE = /^(?<file>\S+\.test\.tsx?):$/;
const RESULT = /^\((?<result>pass|fail|skip|todo)\) /;
/** Failed tests are listed a second time behind this line. */
const SECOND_LIST = /^\d+ tests? failed:$/;

/** Reads the lines that a `bun test` prints while it runs: what has passed so far is known even when it never ends. */
export class PrintedTests {
  passed = 0;
  /** Those that were left out (`skip`, `todo`) are among them. */
  failed = 0;
  /** The files whose turn it was, in their order. */
  readonly begun: string[] = [];
  readonly #say: (line: string) => void;
  #heading: string | undefined;
  #listsAgain = false;

  /** @param say is given what a person should see: all but passed tests and counts, and a file's name only above something else */
  constructor(say: (line: string) => void = () => undefined) {
    this.#say = say;
  }

  read(line: string): void {
    const text = Bun.stripANSI(line);
    const file = FILE.exec(text)?.groups?.["file"];
    if (file !== undefined) {
      this.begun.push(file);
      this.#heading = line;
      return;
    }
    const result = RESULT.exec(text)?.groups?.["result"];
    this.#listsAgain ||= SECOND_LIST.test(text);
    if (result !== undefined && !this.#listsAgain) {
      if (result === "pass") this.passed += 1;
      else this.failed += 1;
    }
    if (result === "pass" || CHATTER.test(text)) return;
    if (this.#heading !== undefined) this.#say(this.#heading);
    this.#heading = undefined;
    this.#say(line);
  }
}
