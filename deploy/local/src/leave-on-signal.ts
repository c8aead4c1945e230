/**
 * On Ctrl-C, SIGTERM or a closed terminal: stops in order and leaves with 130 or 143, as shells expect. A second signal leaves at once, and what still runs is
 * ended by its guard.
 */
export function leaveOnSignal(stop: () => Promise<void>, say: (text: string) => void): void {
  let stopping = false;
  const leave = async (code: number) => {
    if (stopping) process.exit(code);
    stopping = true;
    say("Stopping (again to leave at once)");
    try {
      await stop();
    } catch (error) {
      say(`The stop failed: ${error instanceof Error ? error.message : String(error)}`);
    }
    process.exit(code);
  };
  process.on("SIGINT", () => void leave(130));
  process.on("SIGTERM", () => void leave(143));
  process.on("SIGHUP", () => void leave(129));
}
