import { useState } from "preact/hooks";
import type { Saga, SagaStatus, SagaStep } from "@shop/contracts/http/saga";
import type { CancelReason } from "@shop/contracts/primitives";
import { useApp } from "../app-state.ts";
import { shortId } from "../format.ts";
import { useLoad, usePages } from "../load.ts";
import { Icon } from "../parts/icon.tsx";
import { Link } from "../parts/link.tsx";
import { PagedList } from "../parts/paged-list.tsx";
import { SagaPill } from "../parts/pills.tsx";
import { Empty, Skeleton } from "../parts/states.tsx";
import { usePageTitle } from "../parts/title.ts";
import { pathTo } from "../router.ts";
import { shop } from "../shop.ts";
import { Bulk } from "./bulk.tsx";
import { Export } from "./export.tsx";
import { IdField, wholeId } from "./id-field.tsx";
import { type Period, PeriodSelect, since } from "./period.tsx";
import { Select } from "./select.tsx";

interface Filters {
  readonly status: SagaStatus | "";
  readonly step: SagaStep | "";
  readonly reason: CancelReason | "";
  readonly period: Period | "";
  /** Ids, as far as they were typed. */
  readonly customer: string;
  readonly product: string;
}

const RENEWED_EVERY_MS = 5_000;

/** All sagas, those that are stuck above all others. */
export function SagasPage() {
  const { texts } = useApp();
  const t = texts.admin;
  usePageTitle(texts.nav.sagas);
  const [filters, setFilters] = useState<Filters>({
    ...{ status: "", step: "", reason: "", period: "" },
    ...{ customer: "", product: "" },
  });
  const query = {
    status: filters.status || undefined,
    step: filters.step || undefined,
    reason: filters.reason || undefined,
    customerId: wholeId(filters.customer),
    productId: wholeId(filters.product),
  };
  const meant = () => ({ ...query, from: since(filters.period) });
  const stuck = useLoad("stuck sagas", (signal) => shop.listSagas({ status: "STUCK", limit: 100 }, { signal }), {
    everyMs: RENEWED_EVERY_MS,
  });
  const loaded = usePages(
    `sagas ${JSON.stringify(filters)}`,
    (cursor, signal) => shop.listSagas({ ...meant(), limit: 30, cursor }, { signal }),
    { everyMs: RENEWED_EVERY_MS },
  );
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
        <Select
          label={t.reason}
          value={filters.reason}
          options={texts.cancelReasons}
          onChange={(reason) => setFilters({ ...filters, reason })}
        />
        <PeriodSelect value={filters.period} onChange={(period) => setFilters({ ...filters, period })} />
        <IdField
          label={t.customerId}
          value={filters.customer}
          onChange={(customer) => setFilters({ ...filters, customer })}
        />
        <IdField
          label={t.productId}
          value={filters.product}
          onChange={(product) => setFilters({ ...filters, product })}
        />
        <Export path="/api/sagas" query={meant()} />
      </div>
      <Bulk
        key={JSON.stringify(filters)}
        actions={texts.bulk.sagas}
        begin={(action, dryRun) => shop.bulkSagas({ action, filter: meant(), dryRun })}
        read={(id, signal) => shop.getSagaBulk(id, { signal })}
        stop={(id) => shop.stopSagaBulk(id)}
        onDone={loaded.reload}
      />
      <PagedList loaded={loaded} skeleton={<Skeleton rows={6} />} empty={<Empty title={t.noSagas} />}>
        {(sagas) => <SagaRows sagas={sagas} />}
      </PagedList>
    </>
  );
}

function SagaRows({ sagas }: { readonly sagas: readonly Saga[] }) {
  const { texts, format } = useApp();
  return (
    <ul class="rows card">
      {sagas.map((saga) => {
        const began = saga.history.length === saga.historyCount ? saga.history[0]?.at : undefined;
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
