import { readFileSync } from "node:fs";

/**
 * Loaded into a process before its program (`bun --preload`): its time of day is off by as many milliseconds as the file says, which is read again
 * at SIGUSR2. Timers and `performance.now()` go on as they do when a machine's clock is set.
 */
const RealDate = Date;
let offsetMs = 0;

function readOffset(): void {
  offsetMs = Number(readFileSync(process.env["SHIFTED_CLOCK_FILE"] ?? "", "utf8"));
}

globalThis.Date = new Proxy(RealDate, {
  construct: (target, [...rest]: [], newTarget) =>
    Reflect.construct(target, rest.length === 0 ? [target.now() + offsetMs] : rest, newTarget) as object,
  apply: (target) => new target(target.now() + offsetMs).toString(),
  get: (target, name) => (name === "now" ? () => target.now() + offsetMs : Reflect.get(target, name)),
});
readOffset();
process.on("SIGUSR2", readOffset);
