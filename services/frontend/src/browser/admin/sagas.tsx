import { useState } from "preact/hooks";
import type { Saga, SagaStatus, SagaStep } from "@shop/contracts/http/saga";
import { callApi, type Page, withQuery } from "../api.ts";
import { useApp } from "../app-state.ts";
import { shortId } from "../format.ts";
import { useLoad } from "../load.ts";
import { Icon } from "../parts/icon.tsx";
import { Link } from "../parts/link.tsx";
import { SagaPill } from "../parts/pills.tsx";
import { Empty, Skeleton, WhenLoaded } from "../parts/states.tsx";
import { usePageTitle } from "../parts/title.ts";
import { pathTo } from "../router.ts";
import { MoreButton } from "./more-button.tsx";
import { Select } from "./select.tsx";

interface Filters {
  readonly status: SagaStatus | "";
  readonly step: SagaStep | "";
}

const RENEWED_EVERY_MS = 5_000;

const readSagas = (filters: Filters, cursor: string | null, signal?: AbortSignal) =>
  callApi<Page<Saga>>("GET", withQuery("/api/sagas", { ...filters, limit: "30", cursor }), { signal });

/** All sagas, those that are stuck above all others. */
export function SagasPage() {
  const { texts } = useApp();
  const t = texts.admin;
  usePageTitle(texts.nav.sagas);
  const [filters, setFilters] = useState<Filters>({ status: "", step: "" });
  const stuck = useLoad("stuck sagas", (signal) => readSagas({ status: "STUCK", step: "" }, null, signal), {
    everyMs: RENEWED_EVERY_MS,
  });
  const loaded = useLoad(`sagas ${filters.status} ${filters.step}`, (signal) => readSagas(filters, null, signal));
  const stuckSagas = stuck.value?.items ?? [];

  return (
    <>
      <h1>{texts.nav.sagas}</h1>
      {stuckSagas.length === 0 ? null : (
        <section class="stuck" aria-labelledby="stuck">
          <h2 id="stuck">
            <Icon name="alert" /> {t.stuck}
          </h2>
          <SagaRows sagas={stuckSagas} />
        </section>
      )}
      <div class="filters">
        <Select
          label={t.status}
          value={filters.status}
          options={texts.sagaStatus}
          onChange={(status) => setFilters({ ...filters, status })}
        />
        <Select
          label={t.step}
          value={filters.step}
          options={texts.sagaStep}
          onChange={(step) => setFilters({ ...filters, step })}
        />
        <button type="button" class="button" onClick={loaded.reload}>
          {t.refresh}
        </button>
      </div>
      <WhenLoaded loaded={loaded} skeleton={<Skeleton rows={6} />}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty title={t.noSagas} />
          ) : (
            <>
              <SagaRows sagas={items} />
              <MoreButton loaded={loaded} read={(cursor) => readSagas(filters, cursor)} />
            </>
          )
        }
      </WhenLoaded>
    </>
  );
}

function SagaRows({ sagas }: { readonly sagas: readonly Saga[] }) {
  const { texts, format } = useApp();
  return (
    <ul class="rows card">
      {sagas.map((saga) => {
        const began = saga.history[0]?.at;
        return (
          <li key={saga.id}>
            <Link to={pathTo("saga", saga.id)} class="row">
              <span class="row-what">
                <b>{texts.orders.order(shortId(saga.orderId))}</b>
                <span class="quiet">
                  {texts.sagaStep[saga.step]}
                  {began === undefined ? null : ` · ${format.day(began)}`}
                  {saga.attempts > 1 ? ` · ${texts.admin.attempts(saga.attempts)}` : null}
                </span>
              </span>
              <SagaPill status={saga.status} />
              <Icon name="next" size={18} />
            </Link>
          </li>
        );
      })}
    </ul>
  );
}
