import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

/** A user and group by number; only root may start a program as someone else. */
export interface Identity {
  readonly uid: number;
  readonly gid: number;
}

export interface GuardedOptions {
  readonly command: readonly [string, ...string[]];
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  readonly runAs?: Identity | undefined;
  /** What the program is sent first when this process dies without a word; SIGKILL follows after at most five seconds. */
  readonly orphanSignal?: "QUIT" | "KILL";
  readonly onLine?: ((line: string) => void) | undefined;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface GuardedProcess {
  readonly pid: number;
  /** Resolves when the program has ended; never rejects. */
  readonly exited: Promise<Exit>;
  isRunning(): boolean;
  /** The newest lines of standard output and standard error. */
  lastLines(): readonly string[];
  signal(signal: NodeJS.Signals): void;
  /** Asks the program to end, and ends it by SIGKILL when it has not after `withinMs`. */
  stop(signal: NodeJS.Signals, withinMs: number): Promise<Exit>;
}

const LINES_KEPT = 40;

/**
 * The program replaces this shell, so it has the shell's process id. Beside it stays a watcher in the same process group, reading a pipe whose other
 * end only our process holds: when that process is gone, however it went, the read ends and the whole group is killed. Killing "0", the
 * watcher's own group, cannot hit a stranger as a remembered process id could. `sleep 0.1` is not POSIX but works on Linux and macOS.
 */
const GUARD = `
orphan_signal=$1; shift
exec 3<&0
( (
  trap '' QUIT INT TERM HUP
  cat <&3 >/dev/null
  if [ "$orphan_signal" != KILL ]; then
    kill -s "$orphan_signal" 0
    i=0; while [ $i -lt 50 ] && kill -s 0 $$; do sleep 0.1; i=$((i + 1)); done
  fi
  kill -s KILL 0
) >/dev/null 2>&1 & )
exec "$@" 3<&- </dev/null`;

/**
 * Starts a program that cannot outlive this process, in a process group of its own, so that Ctrl-C in a terminal reaches only us and the stop keeps its order.
 * @throws an Error when the program cannot be started at all
 */
export async function startGuarded({
  command,
  environment,
  cwd,
  runAs,
  orphanSignal = "KILL",
  onLine,
}: GuardedOptions): Promise<GuardedProcess> {
  const child = spawn("/bin/sh", ["-c", GUARD, "guard", orphanSignal, ...command], {
    cwd,
    env: { ...environment },
    detached: true,
    stdio: ["pipe", "pipe", "pipe"],
    ...runAs,
  });
  const lines: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on("line", (line) => {
      if (lines.push(line) > LINES_KEPT) lines.shift();
      onLine?.(line);
    });
  }
  let running = true;
  const exited = new Promise<Exit>((resolve) => {
    child.once("close", (code, signal) => resolve({ code, signal }));
    child.once("exit", () => {
      running = false;
      // The watcher keeps the group's number from being given to anyone else, so this reaches only what the program left behind, and the watcher.
      if (child.pid !== undefined) signalIfAlive(-child.pid, "SIGKILL");
    });
  });
  await new Promise<void>((resolve, reject) => {
    child.once("spawn", resolve);
    child.once("error", reject);
  });
  const pid = child.pid;
  if (pid === undefined) throw new Error(`${command[0]} has no process id`);

  const signal = (name: NodeJS.Signals) => {
    if (running) signalIfAlive(pid, name);
  };
  return {
    pid,
    exited,
    isRunning: () => running,
    lastLines: () => lines,
    signal,
    async stop(name, withinMs) {
      signal(name);
      // One that was paused hears nothing else until it continues.
      if (name !== "SIGKILL") signal("SIGCONT");
      const timer = setTimeout(() => signal("SIGKILL"), withinMs);
      const exit = await exited;
      clearTimeout(timer);
      return exit;
    },
  };
}

/** @param pid a process, or a group when negative */
function signalIfAlive(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    // EPERM is what macOS says of a group whose members have all ended but are not yet reaped.
    if (code !== "ESRCH" && code !== "EPERM") throw error;
  }
}

export function describeExit({ code, signal }: Exit): string {
  return signal === null ? `ended with code ${code}` : `was ended by ${signal}`;
}
