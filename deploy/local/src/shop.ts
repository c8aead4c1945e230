import { runShop } from "./shop/program.ts";

async function readLine(): Promise<string | undefined> {
  for await (const line of console) return line.trim();
  return undefined;
}

process.exitCode = await runShop(process.argv.slice(2), {
  environment: process.env,
  readLine,
  out: (line) => void process.stdout.write(`${line}\n`),
  error: (line) => void process.stderr.write(`${line}\n`),
});
