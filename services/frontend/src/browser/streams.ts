/**
 * How many event streams all tabs of a browser hold together. Over HTTP/1.1 it opens six connections to a host, and whatever waits for a seventh hangs:
 * calls keep half of them.
 */
const MOST_STREAMS = 3;
const PLACES = Array.from({ length: MOST_STREAMS }, (_, index) => `event-stream-${index + 1}`);

/**
 * Does what holds an event stream open while this tab is seen, and while no more tabs do the like than may. When the tab is hidden the work's signal is
 * aborted, and the work begins again when the tab is seen; a tab that finds no place waits for one.
 * @param work settles when its signal is aborted, and otherwise when it is done for good
 * @param leaving ends it
 */
export async function whileSeen(leaving: AbortSignal, work: (signal: AbortSignal) => Promise<void>): Promise<void> {
  for (;;) {
    await seen(leaving);
    if (leaving.aborted) return;
    const hidden = new AbortController();
    const onChange = () => document.hidden && hidden.abort();
    const stop = AbortSignal.any([leaving, hidden.signal]);
    document.addEventListener("visibilitychange", onChange, { signal: stop });
    await withPlace(stop, () => work(stop));
    if (!stop.aborted) return;
  }
}

async function seen(leaving: AbortSignal): Promise<void> {
  while (document.hidden && !leaving.aborted) {
    const changed = Promise.withResolvers<void>();
    const listening = new AbortController();
    const options = { signal: listening.signal };
    document.addEventListener("visibilitychange", () => changed.resolve(), options);
    leaving.addEventListener("abort", () => changed.resolve(), options);
    await changed.promise;
    listening.abort();
  }
}

/** Does the work in the first place that comes free; not at all when the signal is aborted before. */
async function withPlace(stop: AbortSignal, work: () => Promise<void>): Promise<void> {
  // Only a page that came by https, or from this very machine, is given locks; another one has its streams without counting.
  const locks = (navigator as Partial<Pick<Navigator, "locks">>).locks;
  if (locks === undefined) return work();
  const found = new AbortController();
  const signal = AbortSignal.any([stop, found.signal]);
  await Promise.all(
    PLACES.map(async (place) => {
      try {
        await locks.request(place, { signal }, async () => {
          // Two places may come free in the same moment.
          if (signal.aborted) return;
          found.abort();
          await work();
        });
      } catch (error) {
        if (!(error instanceof DOMException && error.name === "AbortError")) throw error;
      }
    }),
  );
}
