import { useState } from "preact/hooks";
import { escapeInvisible } from "@shop/client/escape-invisible";
import type { AuditAction, AuditedService, AuditEntry } from "@shop/contracts/http/audit";
import { useApp } from "../app-state.ts";
import { shortId } from "../format.ts";
import { usePages } from "../load.ts";
import { Icon } from "../parts/icon.tsx";
import { Input } from "../parts/form.tsx";
import { PagedList } from "../parts/paged-list.tsx";
import { Empty, Skeleton } from "../parts/states.tsx";
import { usePageTitle } from "../parts/title.ts";
import { shop } from "../shop.ts";
import { Export } from "./export.tsx";
import { type Period, PeriodSelect, since } from "./period.tsx";
import { Select } from "./select.tsx";

interface Filters {
  readonly service: AuditedService | "";
  readonly action: AuditAction | "";
  readonly period: Period | "";
  /** The id of what something was done to; empty: anything. */
  readonly subjectId: string;
  /** The id of who did it; empty: anybody. */
  readonly actorId: string;
}

const RENEWED_EVERY_MS = 10_000;
/** As long as an id that is looked for may be, in characters. */
const LONGEST_ID = 100;

/** Who did what, when, from where, in all services. */
export function AuditPage() {
  const { texts } = useApp();
  const t = texts.audit;
  usePageTitle(t.title);
  const [filters, setFilters] = useState<Filters>({ service: "", action: "", period: "", subjectId: "", actorId: "" });
  const [silent, setSilent] = useState<readonly AuditedService[]>([]);
  const query = {
    service: filters.service || undefined,
    action: filters.action || undefined,
    subjectId: filters.subjectId || undefined,
    actorId: filters.actorId || undefined,
  };

  async function read(cursor: string | undefined, signal: AbortSignal | undefined) {
    const wanted = { ...query, from: since(filters.period), limit: 50, cursor };
    const { unavailable, ...page } = await shop.listAuditEntries(wanted, { signal });
    setSilent(unavailable);
    return page;
  }
  const loaded = usePages(`audit ${JSON.stringify(filters)}`, read, { everyMs: RENEWED_EVERY_MS });

  return (
    <>
      <h1>{t.title}</h1>
      <p class="lead">{t.lead}</p>
      <div class="filters">
        <Select
          label={t.service}
          value={filters.service}
          options={t.services}
          onChange={(service) => setFilters({ ...filters, service })}
        />
        <Select
          label={t.action}
          value={filters.action}
          options={t.actions}
          onChange={(action) => setFilters({ ...filters, action })}
        />
        <PeriodSelect value={filters.period} onChange={(period) => setFilters({ ...filters, period })} />
        <Input
          label={t.subject}
          name="subject"
          autoComplete="off"
          spellcheck={false}
          maxLength={LONGEST_ID}
          value={filters.subjectId}
          onValue={(text) => setFilters({ ...filters, subjectId: text.trim() })}
        />
        {filters.actorId === "" ? null : (
          <button type="button" class="button" onClick={() => setFilters({ ...filters, actorId: "" })}>
            {t.onlyBy(shortId(filters.actorId))} <Icon name="close" size={16} />
            <span class="unseen">{t.anybody}</span>
          </button>
        )}
        <Export path="/api/audit" query={{ ...query, from: since(filters.period) }} />
      </div>
      {silent.length === 0 ? null : (
        <div class="notice bad" role="status">
          <Icon name="alert" />
          <p>{t.silent(silent.map((name) => t.services[name]).join(", "))}</p>
        </div>
      )}
      <PagedList loaded={loaded} skeleton={<Skeleton rows={6} />} empty={<Empty title={t.none} />}>
        {(entries) => (
          <ul class="rows card">
            {entries.map((entry) => (
              <Entry
                key={entry.id}
                entry={entry}
                onActor={(actorId) => setFilters({ ...filters, actorId })}
                onSubject={(subjectId) => setFilters({ ...filters, subjectId })}
              />
            ))}
          </ul>
        )}
      </PagedList>
    </>
  );
}

interface EntryProps {
  readonly entry: AuditEntry;
  /** Asks for all that somebody did. */
  onActor(id: string): void;
  /** Asks for all that was done to something. */
  onSubject(id: string): void;
}

/** One act in a line; opened, who did it from where, and what it changed. */
function Entry({ entry, onActor, onSubject }: EntryProps) {
  const { texts, format } = useApp();
  const t = texts.audit;
  const { action, actor, subject, service, at, clientAddress } = entry;
  const who = actor === null ? t.nobody : t.who(texts.roles[actor.role], shortId(actor.id));
  return (
    <li>
      <details class="dead-letter audit-entry">
        <summary class="row">
          <span class="row-what">
            <b>{t.actions[action]}</b>
            <span class="quiet">
              {format.day(at)} · {who} · {clientAddress ?? t.noAddress}
            </span>
          </span>
          <span class="pill">{t.services[service]}</span>
          <Icon name="next" size={18} />
        </summary>
        <div class="dead-letter-body">
          <Facts entry={entry} />
          <State title={t.before} state={entry.before} />
          <State title={t.after} state={entry.after} />
          <div class="actions">
            {actor === null ? null : (
              <button type="button" class="button small" onClick={() => onActor(actor.id)}>
                {t.allBy}
              </button>
            )}
            {subject.id === null ? null : (
              <button type="button" class="button small" onClick={() => onSubject(subject.id ?? "")}>
                {t.allAbout}
              </button>
            )}
          </div>
        </div>
      </details>
    </li>
  );
}

function Facts({ entry }: { readonly entry: AuditEntry }) {
  const t = useApp().texts.audit;
  const { actor, subject, requestId, userAgent, clientAddress, seq, at } = entry;
  const facts = [
    [t.at, at],
    [t.by, actor === null ? t.nobody : `${actor.role} ${actor.id}`],
    [t.subject, `${subject.type} ${subject.id ?? ""}`],
    [t.address, clientAddress ?? t.noAddress],
    [t.program, userAgent ?? "–"],
    [t.request, requestId ?? "–"],
    [t.number, String(seq)],
  ] as const;
  return (
    <dl class="facts-list mono">
      {facts.map(([name, value]) => [
        <dt key={name}>{name}</dt>,
        <dd key={`${name} value`}>{escapeInvisible(value)}</dd>,
      ])}
    </dl>
  );
}

function State({ title, state }: { readonly title: string; readonly state: AuditEntry["before"] }) {
  if (state === null) return null;
  return (
    <>
      <h3>{title}</h3>
      <pre tabIndex={0} role="group" aria-label={title}>
        {escapeInvisible(JSON.stringify(state, null, 2))}
      </pre>
    </>
  );
}
