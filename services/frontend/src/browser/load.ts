import { NoAnswerError, ProblemError } from "@shop/client/problem-error";
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
/** Something that is read from the API, and again by itself when that failed for a reason that passes. What was read last stays while newer news fail. */
export interface Loaded<Value> {
  readonly value: Value | undefined;
  /** Why the last attempt failed; undefined when it did not. */
  readonly error: unknown;
  reload(): void;
  /** Puts a newer value in place, such as the answer to a change. */
  replace(change: (value: Value) => Value): void;
}

/** How long after a failure that may pass by itself it is read again, in milliseconds. */
const AGAIN_AFTER_MS = 3_000;

/** Whether it may be well by itself later: the network or a part of the shop is unavailable. */
function isPassing(error: unknown): boolean {
  if (error instanceof ProblemError) return error.problem.status === 429 || error.problem.status >= 500;
  return error instanceof NoAnswerError;
}

interface LoadOptions {
  /** Reads again this often while the page is seen, in milliseconds. */
  readonly everyMs?: number;
  /** Reads again when this changes; what was read last stays meanwhile. */
  readonly news?: string;
}

/**
 * Reads something from the API, again when `key` changes.
 * @param key says what is read: another key forgets the value of the last one
 */
export function useLoad<Value>(
  key: string,
  read: (signal: AbortSignal) => Promise<Value>,
  { everyMs, news }: LoadOptions = {},
): Loaded<Value> {
  const [state, setState] = useState<{ key: string; value: Value | undefined; error: unknown }>({
    key,
    value: undefined,
    error: undefined,
  });
  const [round, setRound] = useState(0);
  const reading = useRef(read);
  reading.current = read;

  useEffect(() => {
    const leaving = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;

    async function load(): Promise<void> {
      let nextMs = everyMs;
      try {
        const value = await reading.current(leaving.signal);
        if (!leaving.signal.aborted) setState({ key, value, error: undefined });
      } catch (error) {
        if (leaving.signal.aborted) return;
        setState((last) => ({ key, value: last.key === key ? last.value : undefined, error }));
        if (isPassing(error)) nextMs ??= AGAIN_AFTER_MS;
      }
      if (nextMs !== undefined && !leaving.signal.aborted) timer = setTimeout(loadWhenSeen, nextMs);
    }
    function loadWhenSeen(): void {
      if (!document.hidden) void load();
    }
    function onReturn(): void {
      clearTimeout(timer);
      loadWhenSeen();
    }

    void load();
    document.addEventListener("visibilitychange", onReturn, { signal: leaving.signal });
    globalThis.addEventListener("online", onReturn, { signal: leaving.signal });
    return () => {
      clearTimeout(timer);
      leaving.abort();
    };
  }, [key, round, everyMs, news]);

  const reload = useCallback(() => setRound((last) => last + 1), []);
  const replace = useCallback((change: (value: Value) => Value) => {
    setState((last) => (last.value === undefined ? last : { ...last, value: change(last.value) }));
  }, []);
  return state.key === key
    ? { value: state.value, error: state.error, reload, replace }
    : { value: undefined, error: undefined, reload, replace };
}

/** A list as far as it has been read. */
export interface Page<Item> {
  readonly items: readonly Item[];
  /** Where it continues; null at its end. */
  readonly nextCursor: string | null;
}

export interface LoadedPages<Item> extends Loaded<Page<Item>> {
  /** Reads the next page and puts it behind what is there. */
  readMore(): Promise<void>;
}

/**
 * Reads a list page by page. Reading it again reads as many items as are shown, so that nobody who looks at a later page is sent back to the first.
 * @param key says what is read: another key begins with the first page
 */
export function usePages<Item>(
  key: string,
  read: (cursor: string | undefined, signal?: AbortSignal) => Promise<Page<Item>>,
  options: LoadOptions = {},
): LoadedPages<Item> {
  const shown = useRef({ key, count: 0 });
  async function readShown(signal: AbortSignal): Promise<Page<Item>> {
    const wanted = shown.current.key === key ? shown.current.count : 0;
    let page = await read(undefined, signal);
    while (page.nextCursor !== null && page.items.length < wanted)
      page = joined(page, await read(page.nextCursor, signal));
    return page;
  }
  const loaded = useLoad(key, readShown, options);
  shown.current = { key, count: loaded.value?.items.length ?? 0 };
  return {
    ...loaded,
    async readMore() {
      const cursor = loaded.value?.nextCursor ?? undefined;
      if (cursor === undefined) return;
      const next = await read(cursor);
      loaded.replace((page) => (page.nextCursor === cursor ? joined(page, next) : page));
    },
  };
}

function joined<Item>(page: Page<Item>, next: Page<Item>): Page<Item> {
  return { ...next, items: [...page.items, ...next.items] };
}
