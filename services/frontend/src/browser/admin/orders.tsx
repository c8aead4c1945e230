import { useState } from "preact/hooks";
import { isolated } from "@shop/client/escape-invisible";
import type { Order, OrderStatus } from "@shop/contracts/http/order";
import type { CancelReason } from "@shop/contracts/primitives";
import { useApp } from "../app-state.ts";
import { shortId } from "../format.ts";
import { usePages } from "../load.ts";
import { Input } from "../parts/form.tsx";
import { Icon } from "../parts/icon.tsx";
import { Link } from "../parts/link.tsx";
import { PagedList } from "../parts/paged-list.tsx";
import { OrderPill } from "../parts/pills.tsx";
import { Empty, Skeleton } from "../parts/states.tsx";
import { usePageTitle } from "../parts/title.ts";
import { Written } from "../parts/written.tsx";
import { pathTo } from "../router.ts";
import { shop } from "../shop.ts";
import { Export } from "./export.tsx";
import { type Period, PeriodSelect, since } from "./period.tsx";
import { Select } from "./select.tsx";

interface Filters {
  readonly status: OrderStatus | "";
  readonly reason: CancelReason | "";
  readonly period: Period | "";
  /** Words of the address or the goods, or the order's number. */
  readonly words: string;
}

const RENEWED_EVERY_MS = 5_000;

/** The orders of all customers, newest first; each leads to why it stands where it stands. */
export function AdminOrdersPage() {
  const { texts } = useApp();
  const t = texts.admin;
  usePageTitle(texts.nav.adminOrders);
  const [filters, setFilters] = useState<Filters>({ status: "", reason: "", period: "", words: "" });
  const query = {
    status: filters.status || undefined,
    reason: filters.reason || undefined,
    q: filters.words.trim() || undefined,
  };
  const read = (cursor: string | undefined, signal?: AbortSignal) =>
    shop.listOrders({ ...query, from: since(filters.period), limit: 50, cursor }, { signal });
  const loaded = usePages(`all orders ${JSON.stringify(filters)}`, read, { everyMs: RENEWED_EVERY_MS });

  return (
    <>
      <h1>{texts.nav.adminOrders}</h1>
      <div class="filters">
        <Select
          label={t.status}
          value={filters.status}
          options={texts.orderStatus}
          onChange={(status) => setFilters({ ...filters, status })}
        />
        <Select
          label={t.reason}
          value={filters.reason}
          options={texts.cancelReasons}
          onChange={(reason) => setFilters({ ...filters, reason })}
        />
        <PeriodSelect value={filters.period} onChange={(period) => setFilters({ ...filters, period })} />
        <Input
          label={t.find}
          name="find"
          autoComplete="off"
          maxLength={200}
          value={filters.words}
          onValue={(words) => setFilters({ ...filters, words })}
        />
        <Export path="/api/orders" query={{ ...query, from: since(filters.period) }} />
      </div>
      <PagedList loaded={loaded} skeleton={<Skeleton rows={6} />} empty={<Empty title={t.noOrders} />}>
        {(orders) => (
          <ul class="rows card">
            {orders.map((order) => (
              <OrderRow key={order.id} order={order} />
            ))}
          </ul>
        )}
      </PagedList>
    </>
  );
}

function OrderRow({ order }: { readonly order: Order }) {
  const { texts, format } = useApp();
  const { id, items, createdAt, total, currency, cancelReason, deliveryAddress } = order;
  return (
    <li>
      <Link to={pathTo("adminOrder", id)} class="row">
        <span class="row-what">
          <b>
            {shortId(id)} · {texts.orders.things(isolated(items[0]?.name ?? ""), items.length - 1)}
          </b>
          <span class="quiet">
            {format.day(createdAt)} · {format.money(total, currency)} ·{" "}
            {cancelReason === null ? <Written>{deliveryAddress}</Written> : texts.cancelReasons[cancelReason]}
          </span>
        </span>
        <OrderPill order={order} />
        <Icon name="next" size={18} />
      </Link>
    </li>
  );
}
