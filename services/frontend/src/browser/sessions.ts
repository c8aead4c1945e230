import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { isProblem, ProblemError } from "@shop/client/problem-error";
import type { User } from "@shop/contracts/http/user";
import { keepOnlyOf } from "./personal.ts";
import { onSessionEnd, shop } from "./shop.ts";

const ASKED_AGAIN_AFTER_MS = 2_000;
/** Where the tabs of a browser tell each other who is there, and that nobody is. Nothing of it is stored. */
const TABS = "session";
type News = { readonly userId: string | undefined };

interface Session {
  /** undefined: nobody is logged in. */
  readonly user: User | undefined;
  /** Whether it is known who is logged in. */
  readonly isSettled: boolean;
  /** Whether the last session ended without anybody having logged out here. */
  readonly hasEnded: boolean;
  /** Why that could not be found out so far; it is retried. */
  readonly doubt: unknown;
  /** How many people have left this tab since it was opened: what a page holds of one is not for the next. */
  readonly departures: number;
  logIn(username: string, password: string, secondFactor?: string): Promise<User>;
  /** @throws ProblemError when this browser is logged out, but the shop could not be told */
  logOut(): Promise<void>;
}

interface SessionListener {
  /** Told when who was logged in is so no more, before anything else is. */
  onDeparture(): void;
  /** Told when a session has ended without anybody having logged out here. */
  onEnd(): void;
}

/** Who is logged in, in this tab and in all others of this browser: they tell each other. What was kept of a person goes with them. */
export function useSession(listener: SessionListener): Session {
  const [user, setUser] = useState<User | undefined>(undefined);
  const [isSettled, setSettled] = useState(document.documentElement.dataset["session"] === "no");
  const [hasEnded, setEnded] = useState(false);
  const [doubt, setDoubt] = useState<unknown>();
  const [departures, setDepartures] = useState(0);
  const told = useRef(listener);
  told.current = listener;
  const hasSession = useRef(document.documentElement.dataset["session"] === "yes");
  const knownId = useRef<string | undefined>(undefined);
  const tabs = useRef<BroadcastChannel>(undefined);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);

  /** Anyone who was there before goes, if they are not this person. */
  const depart = useCallback((userId: string | undefined) => {
    keepOnlyOf(userId);
    if (knownId.current !== undefined && knownId.current !== userId) {
      setDepartures((count) => count + 1);
      setUser(undefined);
      told.current.onDeparture();
    }
    knownId.current = userId;
  }, []);

  const settle = useCallback((person: User | undefined) => {
    hasSession.current = person !== undefined;
    if (person !== undefined) setEnded(false);
    depart(person?.id);
    setUser(person);
    setSettled(true);
    setDoubt(undefined);
  }, []);

  /** Anyone who has a session keeps it while the shop is unavailable: only a refusal means that nobody is logged in. */
  const ask = useCallback(async () => {
    clearTimeout(timer.current);
    try {
      settle(await shop.getMe());
    } catch (error) {
      if (isProblem(error, "UNAUTHENTICATED")) settle(undefined);
      else {
        setDoubt(error);
        timer.current = setTimeout(() => void ask(), ASKED_AGAIN_AFTER_MS);
      }
    }
  }, []);

  /** Somebody else may be there now: what is known of the last one is shown no more until that is known. */
  const refetch = useCallback(() => {
    depart(undefined);
    setSettled(false);
    void ask();
  }, []);

  useEffect(() => {
    const stop = onSessionEnd(() => {
      const hadSession = hasSession.current;
      settle(undefined);
      if (!hadSession) return;
      setEnded(true);
      told.current.onEnd();
    });
    const channel = new BroadcastChannel(TABS);
    tabs.current = channel;
    channel.addEventListener("message", ({ data }: MessageEvent<News>) => {
      if (data.userId === undefined) settle(undefined);
      else if (data.userId !== knownId.current) refetch();
    });
    if (isSettled) keepOnlyOf(undefined);
    else void ask();
    return () => {
      clearTimeout(timer.current);
      stop();
      channel.close();
    };
  }, []);

  const tellOtherTabs = (userId: string | undefined) => tabs.current?.postMessage({ userId } satisfies News);

  return {
    user,
    isSettled,
    hasEnded,
    doubt,
    departures,
    async logIn(username, password, secondFactor) {
      await shop.logIn(username, password, secondFactor);
      try {
        const person = await shop.getMe();
        settle(person);
        tellOtherTabs(person.id);
        return person;
      } catch (error) {
        // They are logged in, so who was there before is not.
        refetch();
        throw error;
      }
    },
    async logOut() {
      // Also when the shop cannot be reached: who wants to leave leaves nothing behind.
      keepOnlyOf(undefined);
      try {
        await shop.logOut();
      } catch (error) {
        // The cookie is gone when the server answered at all.
        if (!(error instanceof ProblemError)) throw error;
        settle(undefined);
        tellOtherTabs(undefined);
        throw error;
      }
      settle(undefined);
      tellOtherTabs(undefined);
    },
  };
}
