import { useState } from "preact/hooks";
import { escapeInvisible } from "@shop/client/escape-invisible";
import type { Saga } from "@shop/contracts/http/saga";
import { useApp } from "../app-state.ts";
import { useDeed } from "../attempt.ts";
import { shortId } from "../format.ts";
import { useLoad } from "../load.ts";
import { SagaPill } from "../parts/pills.tsx";
import { Question } from "../parts/question.tsx";
import { Skeleton, WhenLoaded } from "../parts/states.tsx";
import { usePageTitle } from "../parts/title.ts";
import { shop } from "../shop.ts";
import { SagaPicture } from "./saga-picture.tsx";
import { WhyOfOrder } from "./why.tsx";

/** What no message has brought about a timer has, or somebody, as the end of its detail tells. */
const BY_OPERATOR = /, by admin \S+$/;
const RENEWED_EVERY_MS = 2_000;

/** One saga: its steps as a picture, what can be done about it, why its order stands where it stands, and every message that came. */
export function SagaPage({ id }: { readonly id: string }) {
  const { texts, format } = useApp();
  const t = texts.admin;
  usePageTitle(`${texts.nav.sagas} ${shortId(id)}`);
  const loaded = useLoad(`saga ${id}`, read, { everyMs: RENEWED_EVERY_MS });

  async function read(signal: AbortSignal) {
    const [saga, picture] = await Promise.all([shop.getSaga(id, { signal }), shop.getSagaPicture(id, { signal })]);
    return { saga, picture };
  }

  return (
    <WhenLoaded loaded={loaded} skeleton={<Skeleton rows={4} />}>
      {({ saga, picture }) => (
        <>
          <header class="page-head">
            <h1>{texts.orders.order(shortId(saga.orderId))}</h1>
            <SagaPill status={saga.status} />
          </header>
          <section class="card">
            <SagaPicture picture={picture} />
            <dl class="facts-list">
              <dt>{t.version}</dt>
              <dd>{format.number(saga.version)}</dd>
              <dt>{t.sent}</dt>
              <dd>{format.number(saga.attempts)}</dd>
              {saga.deadline === null ? null : (
                <>
                  <dt>{t.deadline}</dt>
                  <dd>{format.day(saga.deadline)}</dd>
                </>
              )}
            </dl>
            {saga.status === "COMPLETE" || saga.status === "CANCELLED" ? null : (
              <SagaActions saga={saga} onDone={loaded.reload} />
            )}
          </section>
          <WhyOfOrder orderId={saga.orderId} news={`${saga.status} ${saga.step} ${saga.historyCount}`} />
          <section class="card" aria-labelledby="history">
            <h2 id="history">{t.history}</h2>
            {saga.historyCount > saga.history.length ? (
              <p class="quiet">{t.earlierEntries(saga.historyCount - saga.history.length)}</p>
            ) : null}
            <ol class="history">
              {saga.history.map((entry, index) => (
                <li key={index}>
                  <time dateTime={entry.at}>{format.time(entry.at)}</time>
                  <span>
                    <b>{entry.message ?? (BY_OPERATOR.test(entry.detail) ? texts.roles.admin : t.timer)}</b>{" "}
                    <span class="quiet">{texts.sagaStep[entry.step]}</span>
                    {entry.detail === "" ? null : <p class="quiet">{escapeInvisible(entry.detail)}</p>}
                    {entry.times > 1 ? <p class="quiet">{t.repeated(entry.times, format.time(entry.lastAt))}</p> : null}
                  </span>
                </li>
              ))}
            </ol>
          </section>
        </>
      )}
    </WhenLoaded>
  );
}

function SagaActions({ saga, onDone }: { readonly saga: Saga; onDone(): void }) {
  const { texts, announce } = useApp();
  const t = texts.admin;
  const [isAsking, setAsking] = useState(false);
  const { isBusy, run } = useDeed();

  async function tryAgain(): Promise<void> {
    await run(async () => {
      await shop.retrySaga(saga.id);
      announce(t.retried);
    });
    onDone();
  }
  async function cancelSaga(): Promise<void> {
    await run(async () => {
      await shop.cancelSaga(saga.id);
      announce(t.cancelAsked);
    });
    setAsking(false);
    onDone();
  }

  return (
    <div class="actions">
      <button type="button" class="button primary" disabled={isBusy} onClick={() => void tryAgain()}>
        {t.retry}
      </button>
      <button type="button" class="button danger" disabled={isBusy} onClick={() => setAsking(true)}>
        {t.cancel}
      </button>
      {isAsking && (
        <Question
          title={t.cancelTitle}
          text={t.cancelText}
          yes={texts.order.cancelYes}
          no={texts.order.cancelNo}
          isBusy={isBusy}
          onYes={() => void cancelSaga()}
          onNo={() => setAsking(false)}
        />
      )}
    </div>
  );
}
