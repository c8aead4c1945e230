import { parseArgs } from "node:util";

export const USAGE = `A fault to find: starts a system with orders on it, injects one fault without saying which, and times how long it takes until it is found.

  bun run drill [--seed N]       starts it; looking happens in another terminal
  bun run drill found NAME       what it is, in that other terminal; when it is right the time is told and the fault is lifted
  bun run drill names            what a fault can be called
  bun run drill give-up          tells what it was, and lifts it

  --seed N       a whole number that picks the fault and the moment; by the clock by default
  --inject NAME   this fault, to rehearse a page of docs/runbooks
  --help         this

It runs until Ctrl-C. found ends with 0 when it is right, and with 1 when it is something else.
`;

export type Options =
  | { readonly kind: "run"; readonly seed: number; readonly inject: string | undefined }
  | { readonly kind: "found"; readonly name: string }
  | { readonly kind: "names" | "give-up" | "help" };

/**
 * @param now picks the fault when no seed is given, in milliseconds
 * @throws Error with a sentence for anyone who called
 */
export function readOptions(argv: readonly string[], now: number): Options {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: { seed: { type: "string" }, inject: { type: "string" }, help: { type: "boolean", default: false } },
  });
  if (values.help) return { kind: "help" };
  const [verb, name, ...more] = positionals;
  if (more.length > 0 || (name !== undefined && verb !== "found")) throw new Error("Too many words: see --help.");
  switch (verb) {
    case undefined: {
      const { seed = String(now % 1_000_000_000), inject } = values;
      if (!/^\d{1,9}$/.test(seed)) throw new Error(`--seed takes a whole number, not "${seed}".`);
      return { kind: "run", seed: Number(seed), inject };
    }
    case "found":
      if (name === undefined) throw new Error("Found what? Give its name: bun run drill names shows them.");
      return { kind: "found", name };
    case "names":
    case "give-up":
      return { kind: verb };
    default:
      throw new Error(`There is no "drill ${verb}": see --help.`);
  }
}
