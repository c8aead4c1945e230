import { useState } from "preact/hooks";
import type { Order } from "@shop/contracts/http/order";
import { callApi, type Page, withQuery } from "../api.ts";
import { useApp } from "../app-state.ts";
import { shortId } from "../format.ts";
import { useLoad } from "../load.ts";
import { Icon } from "../parts/icon.tsx";
import { Link } from "../parts/link.tsx";
import { OrderPill } from "../parts/pills.tsx";
import { Empty, errorText, Skeleton, WhenLoaded } from "../parts/states.tsx";
import { Tile } from "../parts/tile.tsx";
import { usePageTitle } from "../parts/title.ts";
import { pathTo } from "../router.ts";

const readOrders = (cursor: string | null, signal?: AbortSignal) =>
  callApi<Page<Order>>("GET", withQuery("/api/orders", { limit: "20", cursor }), { signal });

export function OrdersPage() {
  const { texts, announce } = useApp();
  const t = texts.orders;
  usePageTitle(t.title);
  const loaded = useLoad("orders", (signal) => readOrders(null, signal));
  const [isBusy, setBusy] = useState(false);

  async function readMore(cursor: string): Promise<void> {
    setBusy(true);
    try {
      const next = await readOrders(cursor);
      loaded.replace(({ items }) => ({ ...next, items: [...items, ...next.items] }));
    } catch (error) {
      announce(errorText(texts, error));
    }
    setBusy(false);
  }

  return (
    <>
      <h1>{t.title}</h1>
      <WhenLoaded loaded={loaded} skeleton={<Skeleton rows={4} />}>
        {({ items, nextCursor }) =>
          items.length === 0 ? (
            <Empty title={t.empty}>
              <Link to={pathTo("shop")} class="button primary">
                {texts.cart.browse}
              </Link>
            </Empty>
          ) : (
            <>
              <ul class="rows card">
                {items.map((order) => (
                  <OrderRow key={order.id} order={order} />
                ))}
              </ul>
              {nextCursor === null ? null : (
                <p class="more">
                  <button type="button" class="button" disabled={isBusy} onClick={() => void readMore(nextCursor)}>
                    {isBusy ? texts.loading : texts.more}
                  </button>
                </p>
              )}
            </>
          )
        }
      </WhenLoaded>
    </>
  );
}

function OrderRow({ order }: { readonly order: Order }) {
  const { texts, format } = useApp();
  const { id, items, total, currency, createdAt } = order;
  return (
    <li>
      <Link to={pathTo("order", id)} class="row">
        <Tile id={items[0]?.productId ?? id} small />
        <span class="row-what">
          <b>{texts.orders.things(items[0]?.name ?? shortId(id), items.length - 1)}</b>
          <span class="quiet">
            {format.day(createdAt)} · {format.money(total, currency)}
          </span>
        </span>
        <OrderPill order={order} />
        <Icon name="next" size={18} />
      </Link>
    </li>
  );
}
