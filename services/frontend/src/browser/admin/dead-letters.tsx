import { useState } from "preact/hooks";
import type { DeadLetterCause, ParticipantName } from "@shop/contracts/http/dead-letter";
import { useApp } from "../app-state.ts";
import { usePages } from "../load.ts";
import { Icon } from "../parts/icon.tsx";
import { PagedList } from "../parts/paged-list.tsx";
import { Empty, Skeleton } from "../parts/states.tsx";
import { usePageTitle } from "../parts/title.ts";
import { shop } from "../shop.ts";
import { DeadLetterCard } from "./dead-letter.tsx";
import { Select } from "./select.tsx";

interface Filters {
  readonly service: ParticipantName | "";
  readonly cause: DeadLetterCause | "";
  /** Handled or not yet: the shop gives both, and the page picks. */
  readonly state: "open" | "handled" | "";
}

const RENEWED_EVERY_MS = 5_000;

/** Messages that no service could handle: why, what they say, and handling them again. */
export function DeadLettersPage() {
  const { texts } = useApp();
  const t = texts.deadLetters;
  usePageTitle(t.title);
  const [filters, setFilters] = useState<Filters>({ service: "", cause: "", state: "open" });
  const [silent, setSilent] = useState<readonly ParticipantName[]>([]);

  async function read(cursor: string | undefined, signal: AbortSignal | undefined) {
    const wanted = { service: filters.service || undefined, cause: filters.cause || undefined };
    const { unavailable, ...page } = await shop.listDeadLetters({ ...wanted, limit: 50, cursor }, { signal });
    setSilent(unavailable);
    return page;
  }
  const key = `dead letters ${filters.service} ${filters.cause}`;
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
      </div>
      {silent.length === 0 ? null : (
        <div class="notice bad" role="status">
          <Icon name="alert" />
          <p>{t.silent(silent.map((name) => texts.participants[name]).join(", "))}</p>
        </div>
      )}
      <PagedList loaded={loaded} skeleton={<Skeleton rows={5} />} empty={<Empty title={t.none} text={t.noneText} />}>
        {(letters) => {
          const shown = letters.filter(
            ({ replayedAt }) => filters.state === "" || (replayedAt === null) === (filters.state === "open"),
          );
          if (shown.length === 0) return <Empty title={t.none} text={t.noneText} />;
          return (
            <ul class="rows card letters">
              {shown.map((letter) => (
                <DeadLetterCard key={letter.id} letter={letter} onHandled={loaded.reload} />
              ))}
            </ul>
          );
        }}
      </PagedList>
    </>
  );
}
