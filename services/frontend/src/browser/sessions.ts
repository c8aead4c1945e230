import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { isProblem, ProblemError } from "@shop/client/problem-error";
import type { User } from "@shop/contracts/http/user";
import { onSessionEnd, shop } from "./shop.ts";
import { store } from "./storage.ts";

const ASKED_AGAIN_AFTER_MS = 2_000;
/** Where the tabs of a browser tell each other that somebody has come or gone; who it is they ask the shop. */
const CHANGED_AT = "session-changed-at";
const tellOtherTabs = () => store(CHANGED_AT, Date.now());

interface Session {
  /** undefined: nobody is logged in. */
  readonly user: User | undefined;
  /** Whether it is known who is logged in. */
  readonly isSettled: boolean;
  /** Whether the last session ended without anybody having logged out here. */
  readonly hasEnded: boolean;
  /** Why that could not be found out so far; it is tried again. */
  readonly doubt: unknown;
  logIn(username: string, password: string): Promise<User>;
  /** @throws ProblemError when this browser is logged out, but the shop could not be told */
  logOut(): Promise<void>;
}

/**
 * Who is logged in, in this tab and in all others of this browser: they tell each other, and ask anew.
 * @param onEnd told when a session has ended without anybody having logged out here
 */
export function useSession(onEnd: () => void): Session {
  const [user, setUser] = useState<User | undefined>(undefined);
  const [isSettled, setSettled] = useState(document.documentElement.dataset["session"] === "no");
  const [hasEnded, setEnded] = useState(false);
  const [doubt, setDoubt] = useState<unknown>();
  const ended = useRef(onEnd);
  ended.current = onEnd;
  const hasSession = useRef(document.documentElement.dataset["session"] === "yes");

  const settle = useCallback((person: User | undefined) => {
    hasSession.current = person !== undefined;
    if (person !== undefined) setEnded(false);
    setUser(person);
    setSettled(true);
    setDoubt(undefined);
  }, []);

  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    /** Whoever has a session keeps it while the shop is away: only a refusal means that nobody is logged in. */
    const ask = async () => {
      clearTimeout(timer);
      try {
        settle(await shop.getMe());
      } catch (error) {
        if (isProblem(error, "UNAUTHENTICATED")) settle(undefined);
        else {
          setDoubt(error);
          timer = setTimeout(() => void ask(), ASKED_AGAIN_AFTER_MS);
        }
      }
    };
    const stop = onSessionEnd(() => {
      if (hasSession.current) {
        setEnded(true);
        ended.current();
      }
      settle(undefined);
    });
    const onStorage = ({ key }: StorageEvent) => {
      if (key === CHANGED_AT) void ask();
    };
    globalThis.addEventListener("storage", onStorage);
    if (!isSettled) void ask();
    return () => {
      clearTimeout(timer);
      stop();
      globalThis.removeEventListener("storage", onStorage);
    };
  }, []);

  return {
    user,
    isSettled,
    hasEnded,
    doubt,
    async logIn(username, password) {
      await shop.logIn(username, password);
      const person = await shop.getMe();
      settle(person);
      tellOtherTabs();
      return person;
    },
    async logOut() {
      try {
        await shop.logOut();
        settle(undefined);
      } catch (error) {
        // The cookie is gone when the server answered at all.
        if (error instanceof ProblemError) settle(undefined);
        throw error;
      } finally {
        tellOtherTabs();
      }
    },
  };
}
