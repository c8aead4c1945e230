import { problemOf } from "./subject.ts";

/** `bun tests/guards/commits/check.ts FILE`: the hook that git runs with the file of a commit's message. */
const [file = ""] = process.argv.slice(2);
const [subject = ""] = (await Bun.file(file).text()).split("\n");
const problem = problemOf(subject);
// What git writes itself is replaced before it lands.
if (problem !== undefined && !/^(?:fixup|squash|amend)! |^Merge /.test(subject)) {
  process.stderr.write(`The commit's subject is refused: ${problem}\n  ${subject}\n`);
  process.exit(1);
}
