import { useState } from "preact/hooks";
import type { DeadLetterCause, ReplayOutcome } from "@shop/contracts/http/dead-letter";
import type { ParticipantName } from "@shop/contracts/services";
import { useApp } from "../app-state.ts";
import { useDeed } from "../attempt.ts";
import { shop } from "../shop.ts";
import { ENDS } from "./replay.tsx";

/** Which of the open messages are meant; what is not given narrows nothing. */
interface Choice {
  readonly service?: ParticipantName | undefined;
  readonly cause?: DeadLetterCause | undefined;
  readonly key?: string | undefined;
}

interface Result {
  readonly outcomes: Readonly<Partial<Record<ReplayOutcome, number>>>;
  readonly silent: readonly ParticipantName[];
}

interface ReplayManyProps {
  readonly choice: Choice;
  onHandled(): void;
}

/** Tries all messages of a choice without an effect, tells what would come of it, and then handles them: the oldest first, each order's in their order. */
export function ReplayMany({ choice, onHandled }: ReplayManyProps) {
  const { texts, announce } = useApp();
  const t = texts.deadLetters;
  const { isBusy, run } = useDeed();
  const [tried, setTried] = useState<Result>();
  const [done, setDone] = useState<Result>();
  const comeOff = ENDS.reduce((sum, outcome) => sum + (tried?.outcomes[outcome] ?? 0), 0);

  async function tryAll(): Promise<void> {
    setDone(undefined);
    setTried(await replayAll(choice, true));
  }
  async function handleAll(): Promise<void> {
    setTried(undefined);
    setDone(await replayAll(choice, false));
    announce(t.handledAll);
    onHandled();
  }

  return (
    <section class="card many" aria-label={t.many}>
      <header>
        <h2>{t.many}</h2>
        <div class="actions">
          <button type="button" class="button" disabled={isBusy} onClick={() => void run(tryAll)}>
            {isBusy ? texts.loading : t.tryAll}
          </button>
          {comeOff > 0 ? (
            <button type="button" class="button primary" disabled={isBusy} onClick={() => void run(handleAll)}>
              {t.handleAll}
            </button>
          ) : null}
        </div>
      </header>
      {tried === undefined ? null : <ResultList title={t.wouldCome} result={tried} />}
      {done === undefined ? null : <ResultList title={t.hasCome} result={done} />}
    </section>
  );
}

/** The service takes as many as one call has time for, and says where it continues. */
async function replayAll(choice: Choice, dryRun: boolean): Promise<Result> {
  const outcomes: Partial<Record<ReplayOutcome, number>> = {};
  const silent = new Set<ParticipantName>();
  let cursor: string | undefined;
  do {
    const answer: Replayed = await shop.replayDeadLetters({ ...choice, cursor, dryRun });
    for (const [outcome, count] of Object.entries(answer.outcomes) as [ReplayOutcome, number][]) {
      outcomes[outcome] = (outcomes[outcome] ?? 0) + count;
    }
    for (const name of answer.unavailable) silent.add(name);
    cursor = answer.nextCursor ?? undefined;
  } while (cursor !== undefined);
  return { outcomes, silent: [...silent] };
}

type Replayed = Awaited<ReturnType<typeof shop.replayDeadLetters>>;

function ResultList({ title, result }: { readonly title: string; readonly result: Result }) {
  const { texts, format } = useApp();
  const t = texts.deadLetters;
  const outcomes = Object.entries(result.outcomes) as [ReplayOutcome, number][];
  return (
    <div role="status">
      <p>{outcomes.length === 0 ? t.nothingToHandle : title}</p>
      <ul class="outcomes">
        {outcomes.map(([outcome, count]) => (
          <li key={outcome}>
            <span class={ENDS.includes(outcome) ? "pill good" : "pill bad"}>{format.number(count)}</span>{" "}
            {t.outcomeWords[outcome]}
          </li>
        ))}
      </ul>
      {result.silent.length === 0 ? null : (
        <p class="bad-text">{t.silent(result.silent.map((name) => texts.participants[name]).join(", "))}</p>
      )}
    </div>
  );
}
