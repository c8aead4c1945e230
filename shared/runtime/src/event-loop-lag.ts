/** How late a process is with what it has to do, for want of CPU or because it has too much queued work. What comes from outside has waited as long before it is looked at. */
export interface EventLoopLag {
  /** Of late, in milliseconds: how much longer than it should the last turn of the event loop took, or takes by now. */
  nowMs(): number;
  /** The longest so far, in milliseconds. */
  worstMs(): number;
  stop(): void;
}

const LOOK_EVERY_MS = 20;

/** Watches this process's event loop, without keeping the process alive. */
export function watchEventLoopLag(): EventLoopLag {
  let [lastMs, worstMs] = [0, 0];
  let dueMs = performance.now() + LOOK_EVERY_MS;
  const timer = setInterval(() => {
    const nowMs = performance.now();
    lastMs = Math.max(0, nowMs - dueMs);
    worstMs = Math.max(worstMs, lastMs);
    dueMs = nowMs + LOOK_EVERY_MS;
  }, LOOK_EVERY_MS);
  timer.unref();
  return {
    nowMs: () => Math.round(Math.max(lastMs, performance.now() - dueMs)),
    worstMs: () => Math.round(worstMs),
    stop: () => clearInterval(timer),
  };
}
