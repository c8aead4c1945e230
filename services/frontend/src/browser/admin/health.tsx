import type { Health, HealthStatus, ProcessHealth } from "@shop/contracts/http/health";
import { useApp } from "../app-state.ts";
import { useLoad } from "../load.ts";
import { Icon } from "../parts/icon.tsx";
import { Link } from "../parts/link.tsx";
import { Skeleton, WhenLoaded } from "../parts/states.tsx";
import { usePageTitle } from "../parts/title.ts";
import { pathTo } from "../router.ts";
import { shop } from "../shop.ts";
import { needsOf } from "./needs.ts";

const RENEWED_EVERY_MS = 3_000;
const TONES: Readonly<Record<HealthStatus, string>> = { UP: "good", IMPAIRED: "warn", DOWN: "bad" };

/** How every process is, and what needs an operator. */
export function HealthPage() {
  const { texts, format } = useApp();
  const t = texts.health;
  usePageTitle(t.title);
  const loaded = useLoad("health", (signal) => shop.getHealth({ signal }), { everyMs: RENEWED_EVERY_MS });
  return (
    <>
      <header class="page-head">
        <h1>{t.title}</h1>
        {loaded.value === undefined ? null : (
          <>
            <Verdict health={loaded.value} />
            <span class="quiet">{t.asOf(format.time(loaded.value.at))}</span>
          </>
        )}
      </header>
      <WhenLoaded loaded={loaded} skeleton={<Skeleton rows={7} class="grid" />}>
        {(health) => (
          <>
            <Needs health={health} />
            <ul class="processes">
              {health.services.map((process) => (
                <ProcessCard key={process.service} process={process} />
              ))}
            </ul>
          </>
        )}
      </WhenLoaded>
    </>
  );
}

/** In a word: what is worst of the processes, or that something waits for an operator though all of them run. */
function Verdict({ health }: { readonly health: Health }) {
  const t = useApp().texts.health;
  const { unwell: _, ...waiting } = needsOf(health);
  const needsOperator = Object.values(waiting).some((count) => count > 0);
  if (health.status === "UP" && needsOperator) return <span class="pill bad">{t.attention}</span>;
  return <span class={`pill ${TONES[health.status]}`}>{t.whole[health.status]}</span>;
}

function StatusPill({ status }: { readonly status: HealthStatus }) {
  const t = useApp().texts.health;
  return <span class={`pill ${TONES[status]}`}>{t.statuses[status]}</span>;
}

/** What somebody has to look at, each with the way there. */
function Needs({ health }: { readonly health: Health }) {
  const { texts, format } = useApp();
  const t = texts.health;
  const { stuckSagas, deadLetters, driftingOrders, driftingProducts } = needsOf(health);
  const needs = [
    stuckSagas > 0 ? <Link to={pathTo("sagas")}>{t.stuckSagas(format.number(stuckSagas))}</Link> : null,
    deadLetters > 0 ? <Link to={pathTo("deadLetters")}>{t.deadLetters(format.number(deadLetters))}</Link> : null,
    driftingOrders > 0 ? t.driftingOrders(format.number(driftingOrders)) : null,
    driftingProducts > 0 ? t.driftingProducts(format.number(driftingProducts)) : null,
  ].filter((need) => need !== null);
  if (needs.length === 0) {
    const isWell = health.status === "UP";
    return (
      <p class={isWell ? "notice good" : "notice"}>
        <Icon name={isWell ? "check" : "alert"} />
        {isWell ? t.allWell : t.booksWell}
      </p>
    );
  }
  return (
    <section class="notice bad" aria-label={t.needs}>
      <Icon name="alert" />
      <ul>
        {needs.map((need, index) => (
          <li key={index}>{need}</li>
        ))}
      </ul>
    </section>
  );
}

function ProcessCard({ process }: { readonly process: ProcessHealth }) {
  const { texts, format } = useApp();
  const t = texts.health;
  const { service, status } = process;
  return (
    <li class={`card process ${TONES[status]}`}>
      <header>
        <h2>{texts.services[service]}</h2>
        <StatusPill status={status} />
      </header>
      {process.status === "DOWN" ? (
        <p class="bad-text">{process.detail}</p>
      ) : (
        <>
          {process.checks
            .filter(({ ok }) => !ok)
            .map(({ name, detail }) => (
              <p key={name} class="bad-text">
                {name}: {detail}
              </p>
            ))}
          <Messages process={process} />
          <p class="quiet">
            <small>
              {t.runsSince(format.ago(process.startedAt, Date.now()))} · {process.release}
              <br />
              <span class="mono">{process.instance}</span>
            </small>
          </p>
        </>
      )}
    </li>
  );
}

function Messages({ process }: { readonly process: Exclude<ProcessHealth, { status: "DOWN" }> }) {
  const { texts, format } = useApp();
  const t = texts.health;
  if (process.messaging === null) return null;
  const { unsent, oldestUnsentSeconds, lag, deadLetters } = process.messaging;
  return (
    <dl class="facts-list numbers">
      <dt>{t.unsent}</dt>
      <dd>
        {format.number(unsent)}
        {unsent === 0 ? null : (
          <small class="quiet"> {t.oldest(format.span(Math.round(oldestUnsentSeconds * 1_000)))}</small>
        )}
      </dd>
      <dt>{t.lag}</dt>
      <dd>{lag === null ? t.unknown : format.number(lag)}</dd>
      <dt>{texts.deadLetters.title}</dt>
      <dd class={deadLetters > 0 ? "bad-text" : ""}>{format.number(deadLetters)}</dd>
    </dl>
  );
}
