/**
 * On Ctrl-C, SIGTERM or a closed terminal: stops in order and leaves. A second signal leaves at once, and what still runs is ended by its guard.
 * @param stopIsSuccess whether to leave with 0 then, as what runs until it is told to stop; else with 128 and the signal's number, as shells expect
 */
export function leaveOnSignal(stop: () => Promise<void>, say: (text: string) => void, stopIsSuccess = false): void {
  let stopping = false;
  const leave = async (code: number) => {
    if (stopping) process.exit(code);
    stopping = true;
    say("Stopping (again to leave at once)");
    try {
      await stop();
    } catch (error) {
      say(`The stop failed: ${error instanceof Error ? error.message : String(error)}`);
      process.exit(1);
    }
    process.exit(stopIsSuccess ? 0 : code);
  };
  process.on("SIGINT", () => void leave(130));
  process.on("SIGTERM", () => void leave(143));
  process.on("SIGHUP", () => void leave(129));
}
