import { useState } from "preact/hooks";
import type { DeadLetterCause } from "@shop/contracts/http/dead-letter";
import type { ParticipantName } from "@shop/contracts/services";
import { escapeInvisible } from "@shop/client/escape-invisible";
import { useApp } from "../app-state.ts";
import { shortId } from "../format.ts";
import { usePages } from "../load.ts";
import { Icon } from "../parts/icon.tsx";
import { PagedList } from "../parts/paged-list.tsx";
import { Empty, Skeleton } from "../parts/states.tsx";
import { usePageTitle } from "../parts/title.ts";
import { shop } from "../shop.ts";
import { DeadLetterCard } from "./dead-letter.tsx";
import { Bulk } from "./bulk.tsx";
import { beginReplays, readReplays, stopReplays } from "./bulk-replays.ts";
import { queuesOf } from "./queues.ts";
import { ReplayMany } from "./replay-many.tsx";
import { Export } from "./export.tsx";
import { type Period, PeriodSelect, since } from "./period.tsx";
import { Select } from "./select.tsx";

interface Filters {
  readonly service: ParticipantName | "";
  readonly cause: DeadLetterCause | "";
  /** An order's id as a rule; empty: any. */
  readonly key: string;
  /** Handled or not yet. */
  readonly state: "open" | "handled" | "";
  readonly period: Period | "";
}

const RENEWED_EVERY_MS = 5_000;

/** The key that the address asks for, as a saga's page does. */
const askedKey = () => new URLSearchParams(location.search).get("key") ?? "";

/** Messages that no service could handle: why, what they say, and handling them again. */
export function DeadLettersPage() {
  const { texts } = useApp();
  const t = texts.deadLetters;
  usePageTitle(t.title);
  const [filters, setFilters] = useState<Filters>(() => ({
    service: "",
    cause: "",
    key: askedKey(),
    state: "open",
    period: "",
  }));
  const [silent, setSilent] = useState<readonly ParticipantName[]>([]);

  const choice = {
    service: filters.service || undefined,
    cause: filters.cause || undefined,
    key: filters.key || undefined,
  };

  const meant = () => ({ ...choice, from: since(filters.period) });

  const wantedState = filters.state === "" ? undefined : ({ open: "OPEN", handled: "HANDLED" } as const)[filters.state];

  async function read(cursor: string | undefined, signal: AbortSignal | undefined) {
    const { unavailable, ...page } = await shop.listDeadLetters(
      { ...choice, state: wantedState, from: since(filters.period), limit: 50, cursor },
      { signal },
    );
    setSilent(unavailable);
    return page;
  }
  const key = `dead letters ${JSON.stringify(filters)}`;
  const loaded = usePages(key, read, { everyMs: RENEWED_EVERY_MS });

  return (
    <>
      <h1>{t.title}</h1>
      <p class="lead">{t.lead}</p>
      <div class="filters">
        <Select
          label={t.state}
          value={filters.state}
          options={t.states}
          onChange={(state) => setFilters({ ...filters, state })}
        />
        <Select
          label={t.service}
          value={filters.service}
          options={texts.participants}
          onChange={(service) => setFilters({ ...filters, service })}
        />
        <Select
          label={t.cause}
          value={filters.cause}
          options={t.causes}
          onChange={(cause) => setFilters({ ...filters, cause })}
        />
        <PeriodSelect value={filters.period} onChange={(period) => setFilters({ ...filters, period })} />
        <Export path="/api/dead-letters" query={{ ...choice, state: wantedState, from: since(filters.period) }} />
        {filters.key === "" ? null : (
          <button type="button" class="button" onClick={() => setFilters({ ...filters, key: "" })}>
            {t.ofKey(escapeInvisible(shortId(filters.key)))} <Icon name="close" size={16} />
            <span class="unseen">{t.anyKey}</span>
          </button>
        )}
      </div>
      {silent.length === 0 ? null : (
        <div class="notice bad" role="status">
          <Icon name="alert" />
          <p>{t.silent(silent.map((name) => texts.participants[name]).join(", "))}</p>
        </div>
      )}
      <PagedList loaded={loaded} skeleton={<Skeleton rows={5} />} empty={<Empty title={t.none} text={t.noneText} />}>
        {(deadLetters) => {
          const shown = deadLetters.filter(
            ({ replayedAt }) => filters.state === "" || (replayedAt === null) === (filters.state === "open"),
          );
          if (shown.length === 0) return <Empty title={t.none} text={t.noneText} />;
          return (
            <>
              {shown.some(({ replayedAt }) => replayedAt === null) ? (
                <>
                  <ReplayMany key={key} choice={choice} onHandled={loaded.reload} />
                  <Bulk
                    key={`${key} bulk`}
                    actions={texts.bulk.deadLetters}
                    begin={(action, dryRun) => beginReplays({ action, filter: meant(), dryRun })}
                    read={readReplays}
                    stop={stopReplays}
                    onDone={loaded.reload}
                  />
                </>
              ) : null}
              <ul class="rows card dead-letters">
                {queuesOf(shown).map(({ head, parked }) => (
                  <DeadLetterCard
                    key={head.id}
                    deadLetter={head}
                    parked={parked}
                    onHandled={loaded.reload}
                    onKey={(wanted) => setFilters({ ...filters, cause: "", key: wanted })}
                  />
                ))}
              </ul>
            </>
          );
        }}
      </PagedList>
    </>
  );
}
