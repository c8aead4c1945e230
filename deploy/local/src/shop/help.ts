import { commands } from "./commands.ts";

const width = Math.max(...commands.map(({ name, takes }) => name.length + takes.length)) + 3;

/** What `--help` says. */
export const HELP = `Usage: bun run shop COMMAND [options]

${commands.map(({ name, takes, summary }) => `  ${`${name} ${takes}`.padEnd(width)}${summary}`).join("\n")}

Options of every command:
  --url URL      where the shop is; SHOP_URL, or http://localhost:8080
  --user NAME    who you are; SHOP_USER, or admin
  --json         one JSON object a line, whole, instead of a table
  --help         this text

The password is read from SHOP_PASSWORD, or else as the first line of standard input; never from the command line,
where every process of the machine can read it.

Leaves with 0 when all went well, 1 when the shop refused, 2 when the command was not understood, 3 when the shop
cannot be reached.

Examples, beside a \`bun run dev\`:
${commands.map(({ example }) => `  SHOP_PASSWORD=admin-password bun run shop ${example}`).join("\n")}
`;
