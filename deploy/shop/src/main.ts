import { OutputClosedError, runShop } from "./program.ts";

async function readLine(): Promise<string | undefined> {
  for await (const line of console) return line.trim();
  return undefined;
}

let isRead = true;
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  isRead = false;
});

process.exitCode = await runShop(process.argv.slice(2), {
  environment: process.env,
  readLine,
  out(line) {
    if (!isRead) throw new OutputClosedError();
    process.stdout.write(`${line}\n`);
  },
  error: (line) => void process.stderr.write(`${line}\n`),
});
