import { useState } from "preact/hooks";
import type { Order, OrderStatus } from "@shop/contracts/http/order";
import { useApp } from "../app-state.ts";
import { useDeed } from "../attempt.ts";
import { shortId } from "../format.ts";
import { usePages } from "../load.ts";
import { Icon } from "../parts/icon.tsx";
import { PagedList } from "../parts/paged-list.tsx";
import { OrderPill } from "../parts/pills.tsx";
import { Empty, Skeleton } from "../parts/states.tsx";
import { usePageTitle } from "../parts/title.ts";
import { navigate, pathTo } from "../router.ts";
import { shop } from "../shop.ts";
import { Select } from "./select.tsx";

const RENEWED_EVERY_MS = 5_000;

/** The orders of all customers, newest first; each leads to its saga. */
export function AdminOrdersPage() {
  const { texts, announce } = useApp();
  const t = texts.admin;
  usePageTitle(texts.nav.adminOrders);
  const [status, setStatus] = useState<OrderStatus | "">("");
  const loaded = usePages("all orders", (cursor, signal) => shop.listOrders({ limit: 50, cursor }, { signal }), {
    everyMs: RENEWED_EVERY_MS,
  });
  const { run } = useDeed();
  const isShown = (order: Order) => status === "" || order.status === status;

  async function openSaga(order: Order): Promise<void> {
    const [saga] = (await shop.listSagas({ orderId: order.id })).items;
    if (saga === undefined) announce(t.noSagaYet);
    else navigate(pathTo("saga", saga.id));
  }

  return (
    <>
      <h1>{texts.nav.adminOrders}</h1>
      <div class="filters">
        <Select label={t.status} value={status} options={texts.orderStatus} onChange={(chosen) => setStatus(chosen)} />
      </div>
      <PagedList loaded={loaded} skeleton={<Skeleton rows={6} />} empty={<Empty title={t.noOrders} />}>
        {(orders) => {
          const shown = orders.filter(isShown);
          if (shown.length === 0) return <Empty title={t.noOrders} />;
          return (
            <ul class="rows card">
              {shown.map((order) => (
                <OrderRow key={order.id} order={order} onOpen={() => void run(() => openSaga(order))} />
              ))}
            </ul>
          );
        }}
      </PagedList>
    </>
  );
}

function OrderRow({ order, onOpen }: { readonly order: Order; onOpen(): void }) {
  const { texts, format } = useApp();
  const { id, items, createdAt, total, currency, cancelReason, deliveryAddress } = order;
  return (
    <li>
      <button type="button" class="row" onClick={onOpen}>
        <span class="row-what">
          <b>
            {shortId(id)} · {texts.orders.things(items[0]?.name ?? "", items.length - 1)}
          </b>
          <span class="quiet">
            {format.day(createdAt)} · {format.money(total, currency)} ·{" "}
            {cancelReason === null ? deliveryAddress : texts.cancelReasons[cancelReason]}
          </span>
        </span>
        <OrderPill order={order} />
        <Icon name="next" size={18} />
      </button>
    </li>
  );
}
