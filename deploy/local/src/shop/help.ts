import { commands } from "./commands.ts";

/** What a terminal shows in a line. */
const COLUMNS = 100;

/** A text in lines that begin with spaces, cut between words. */
function indented(text: string, spaces: number): string {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && spaces + line.length + word.length >= COLUMNS) {
      lines.push(line);
      line = "";
    }
    line += line === "" ? word : ` ${word}`;
  }
  return [...lines, line].map((each) => " ".repeat(spaces) + each).join("\n");
}

/** What `--help` says. */
export const HELP = `Usage: bun run shop COMMAND [options]

A round through the shop: \`health\` says whether anything is wrong; \`stuck\` and \`dead-letters\` list what waits for
you; \`saga\` and \`dead-letter\` tell why; \`retry\`, \`take-back\` and \`replay\` do something about it.

${commands.map(({ name, takes, summary }) => `  ${name} ${takes}`.trimEnd() + `\n${indented(summary, 6)}`).join("\n")}

Options of every command:
  --url URL      where the shop is; SHOP_URL, or http://localhost:8080
  --user NAME    who you are; SHOP_USER, or admin
  --json         one JSON object a line, whole, instead of a table
  --help         this text

The password is read from SHOP_PASSWORD, or else as the first line of standard input; never from the command line,
where every process of the machine can read it.

Leaves with 0 when all went well, 1 when the shop refused or something that was shown is not well, 2 when the command
was not understood, 3 when the shop, or a part of it, cannot be reached.

Examples, beside a \`bun run dev\`:
${commands.map(({ example }) => `  SHOP_PASSWORD=admin-password bun run shop ${example}`).join("\n")}
`;
