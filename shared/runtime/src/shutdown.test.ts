import { afterEach, describe, expect, test } from "bun:test";
import { systemClock } from "./clock.ts";
import { createLogger } from "./logger.ts";
import { STOP_TIMEOUT_MS, stopInOrder } from "./shutdown.ts";

describe("parts that are stopped", () => {
  test("are stopped one after the other, also behind one that fails, which is named", async () => {
    const lines: string[] = [];
    const logger = createLogger({ service: "x", level: "error", clock: systemClock, write: (l) => lines.push(l) });
    const events: string[] = [];
    const part = (name: string, fails = false) => ({
      name,
      async stop() {
        events.push(`${name} begins`);
        await Promise.resolve();
        if (fails) throw new Error("cannot");
        events.push(`${name} ends`);
      },
    });
    expect(await stopInOrder([part("HTTP"), part("work", true), part("database")], logger)).toBe(false);
    expect(events).toEqual(["HTTP begins", "HTTP ends", "work begins", "database begins", "database ends"]);
    expect(lines.map((line) => (JSON.parse(line) as { message: string }).message)).toEqual([
      "work did not stop cleanly",
    ]);
    expect(await stopInOrder([part("HTTP")], logger)).toBe(true);
  });
});

let running: Bun.Subprocess | undefined;
afterEach(() => running?.kill("SIGKILL"));

/** Runs a process that lives until it is stopped. @param stop what its stop does; it says `stopping` first */
async function processOf(
  stop: string,
  then = "",
): Promise<{ run: Bun.Subprocess<"ignore", "pipe">; said(): Promise<string> }> {
  const code = `
    import { stopOnSignal } from ${JSON.stringify(`${import.meta.dir}/shutdown.ts`)};
    const silent = { debug() {}, info() {}, warn() {}, error() {} };
    setInterval(() => {}, 1_000);
    stopOnSignal(async () => { console.log("stopping"); ${stop} }, silent, 200);
    console.log("ready");
    ${then}`;
  const run = Bun.spawn([process.execPath, "-e", code], { stdin: "ignore", stdout: "pipe", stderr: "inherit" });
  running = run;
  const reader = run.stdout.getReader();
  let text = "";
  const readOn = async (until: (text: string) => boolean) => {
    while (!until(text)) {
      const { done, value } = await reader.read();
      if (done) return text;
      text += new TextDecoder().decode(value);
    }
    return text;
  };
  await readOn((soFar) => soFar.includes("ready"));
  return { run, said: () => readOn(() => false) };
}

describe("a process that is told to stop", () => {
  test.each([
    ["cleanly", "return true;", 0],
    ["not cleanly", "return false;", 1],
    ["never", "await new Promise(() => {});", 1],
  ])("and stops %s leaves once, with what came of it", async (_how, stop, code) => {
    const { run, said } = await processOf(stop);
    run.kill("SIGTERM");
    run.kill("SIGINT");
    expect(await run.exited).toBe(code);
    expect(await said()).toBe("ready\nstopping\n");
  });

  test("is given less than the ten seconds after which it would be killed", () => {
    expect(STOP_TIMEOUT_MS).toBeLessThan(10_000);
  });
});

test.each(["setTimeout(() => { throw new Error('x'); });", "Promise.reject(new Error('x'));"])(
  "a process in an unknown state stops in order, and tells that it has failed: %s",
  async (fault) => {
    const { run, said } = await processOf("return true;", fault);
    expect(await run.exited).toBe(1);
    expect(await said()).toBe("ready\nstopping\n");
  },
);
