import { useState } from "preact/hooks";
import type { DeadLetter, ReplayOutcome } from "@shop/contracts/http/dead-letter";
import { useApp } from "../app-state.ts";
import { useDeed } from "../attempt.ts";
import { shop } from "../shop.ts";
import { escapeInvisible } from "@shop/client/escape-invisible";

interface ReplayProps {
  readonly deadLetter: DeadLetter;
  onHandled(): void;
}

type Replayed = Awaited<ReturnType<typeof shop.replayDeadLetter>>;

/** With these a message is no dead letter any more. */
export const ENDS: readonly ReplayOutcome[] = ["APPLIED", "KNOWN", "NOT_HANDLED"];

/** Tries a message first without an effect; only when that succeeds can it be replayed for real. */
export function Replay({ deadLetter, onHandled }: ReplayProps) {
  const { texts, announce } = useApp();
  const t = texts.deadLetters;
  const { isBusy, run } = useDeed();
  const [tried, setTried] = useState<Replayed>();
  const comesOff = tried !== undefined && ENDS.includes(tried.outcome);

  async function tryIt(): Promise<void> {
    setTried(await shop.replayDeadLetter(deadLetter.id, { dryRun: true }));
  }
  async function handle(): Promise<void> {
    const done = await shop.replayDeadLetter(deadLetter.id, { dryRun: false });
    setTried(ENDS.includes(done.outcome) ? undefined : done);
    announce(done.released === 0 ? t.outcomes[done.outcome] : t.released(done.outcome, done.released));
    onHandled();
  }

  return (
    <div class="replay">
      {tried === undefined ? null : (
        <div class={comesOff ? "notice good" : "notice bad"} role="status">
          <p>
            {comesOff ? t.wouldBe[tried.outcome] : t.outcomes[tried.outcome]}
            {tried.released === 0 ? null : ` ${t.withIt(tried.released)}`}
            {tried.detail === null ? null : <small class="request-id">{escapeInvisible(tried.detail)}</small>}
          </p>
        </div>
      )}
      <div class="actions">
        <button type="button" class="button" disabled={isBusy} onClick={() => void run(tryIt)}>
          {tried === undefined ? t.tryFirst : t.tryAgain}
        </button>
        {comesOff ? (
          <button type="button" class="button primary" disabled={isBusy} onClick={() => void run(handle)}>
            {t.handle}
          </button>
        ) : null}
      </div>
      {tried === undefined ? <p class="hint">{t.tryHint}</p> : null}
    </div>
  );
}
