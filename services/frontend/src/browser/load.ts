import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { ApiError } from "./api.ts";
import { useApp } from "./app-state.ts";

/** Something that is read from the API. What was read last stays while newer news fail. */
export interface Loaded<Value> {
  readonly value: Value | undefined;
  /** Why the last attempt failed; undefined when it did not. */
  readonly error: unknown;
  reload(): void;
  /** Puts a newer value in place, such as the answer to a change. */
  replace(change: (value: Value) => Value): void;
}

interface LoadOptions {
  /** Reads again this often while the page is seen, in milliseconds. */
  readonly everyMs?: number;
}

/**
 * Reads something from the API, again when `key` changes.
 * @param key says what is read: another key forgets the value of the last one
 */
export function useLoad<Value>(
  key: string,
  read: (signal: AbortSignal) => Promise<Value>,
  { everyMs }: LoadOptions = {},
): Loaded<Value> {
  const { forgetUser } = useApp();
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
      try {
        const value = await reading.current(leaving.signal);
        if (!leaving.signal.aborted) setState({ key, value, error: undefined });
      } catch (error) {
        if (leaving.signal.aborted) return;
        if (error instanceof ApiError && error.problem.code === "UNAUTHENTICATED") forgetUser();
        setState((last) => ({ key, value: last.key === key ? last.value : undefined, error }));
      }
      if (everyMs !== undefined && !leaving.signal.aborted) timer = setTimeout(loadWhenSeen, everyMs);
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
  }, [key, round, everyMs]);

  const reload = useCallback(() => setRound((last) => last + 1), []);
  const replace = useCallback((change: (value: Value) => Value) => {
    setState((last) => (last.value === undefined ? last : { ...last, value: change(last.value) }));
  }, []);
  return state.key === key
    ? { value: state.value, error: state.error, reload, replace }
    : { value: undefined, error: undefined, reload, replace };
}
