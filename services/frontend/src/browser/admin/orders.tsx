import { useState } from "preact/hooks";
import type { Order, OrderStatus } from "@shop/contracts/http/order";
import type { Saga } from "@shop/contracts/http/saga";
import { callApi, type Page, withQuery } from "../api.ts";
import { useApp } from "../app-state.ts";
import { shortId } from "../format.ts";
import { useLoad } from "../load.ts";
import { Icon } from "../parts/icon.tsx";
import { OrderPill } from "../parts/pills.tsx";
import { Empty, errorText, Skeleton, WhenLoaded } from "../parts/states.tsx";
import { usePageTitle } from "../parts/title.ts";
import { navigate, pathTo } from "../router.ts";
import { MoreButton } from "./more-button.tsx";
import { Select } from "./select.tsx";

const readOrders = (cursor: string | null, signal?: AbortSignal) =>
  callApi<Page<Order>>("GET", withQuery("/api/orders", { limit: "100", cursor }), { signal });

/** The orders of all customers, newest first; each leads to its saga. */
export function AdminOrdersPage() {
  const { texts, format, announce } = useApp();
  const t = texts.admin;
  usePageTitle(texts.nav.adminOrders);
  const [status, setStatus] = useState<OrderStatus | "">("");
  const loaded = useLoad("all orders", (signal) => readOrders(null, signal));

  async function openSaga(order: Order): Promise<void> {
    try {
      const { items } = await callApi<Page<Saga>>("GET", withQuery("/api/sagas", { orderId: order.id }));
      const [saga] = items;
      if (saga === undefined) announce(t.noSagaYet);
      else navigate(pathTo("saga", saga.id));
    } catch (error) {
      announce(errorText(texts, error));
    }
  }

  return (
    <>
      <h1>{texts.nav.adminOrders}</h1>
      <div class="filters">
        <Select label={t.status} value={status} options={texts.orderStatus} onChange={(chosen) => setStatus(chosen)} />
        <button type="button" class="button" onClick={loaded.reload}>
          {t.refresh}
        </button>
      </div>
      <WhenLoaded loaded={loaded} skeleton={<Skeleton rows={6} />}>
        {({ items }) => {
          const shown = items.filter((order) => status === "" || order.status === status);
          return (
            <>
              {shown.length === 0 ? (
                <Empty title={t.noOrders} />
              ) : (
                <ul class="rows card">
                  {shown.map((order) => (
                    <li key={order.id}>
                      <button type="button" class="row" onClick={() => void openSaga(order)}>
                        <span class="row-what">
                          <b>
                            {shortId(order.id)} ·{" "}
                            {texts.orders.things(order.items[0]?.name ?? "", order.items.length - 1)}
                          </b>
                          <span class="quiet">
                            {format.day(order.createdAt)} · {format.money(order.total, order.currency)} ·{" "}
                            {order.cancelReason === null
                              ? order.deliveryAddress
                              : texts.cancelReasons[order.cancelReason]}
                          </span>
                        </span>
                        <OrderPill order={order} />
                        <Icon name="next" size={18} />
                      </button>
                    </li>
                  ))}
                </ul>
              )}
              <MoreButton loaded={loaded} read={(cursor) => readOrders(cursor)} />
            </>
          );
        }}
      </WhenLoaded>
    </>
  );
}
