import { isolated } from "@shop/client/escape-invisible";
import type { Order } from "@shop/contracts/http/order";
import { useApp } from "../app-state.ts";
import { shortId } from "../format.ts";
import { usePages } from "../load.ts";
import { Icon } from "../parts/icon.tsx";
import { Link } from "../parts/link.tsx";
import { PagedList } from "../parts/paged-list.tsx";
import { OrderPill } from "../parts/pills.tsx";
import { Empty, Skeleton } from "../parts/states.tsx";
import { Tile } from "../parts/tile.tsx";
import { usePageTitle } from "../parts/title.ts";
import { pathTo } from "../router.ts";
import { shop } from "../shop.ts";

const RENEWED_EVERY_MS = 5_000;

export function OrdersPage() {
  const { texts } = useApp();
  const t = texts.orders;
  usePageTitle(t.title);
  const loaded = usePages("orders", (cursor, signal) => shop.listOrders({ limit: 20, cursor }, { signal }), {
    everyMs: RENEWED_EVERY_MS,
  });

  return (
    <>
      <h1>{t.title}</h1>
      <PagedList
        loaded={loaded}
        skeleton={<Skeleton rows={4} />}
        empty={
          <Empty title={t.empty}>
            <Link to={pathTo("shop")} class="button primary">
              {texts.cart.browse}
            </Link>
          </Empty>
        }
      >
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
  const { id, items, total, currency, createdAt } = order;
  return (
    <li>
      <Link to={pathTo("order", id)} class="row">
        <Tile id={items[0]?.productId ?? id} small />
        <span class="row-what">
          <b>{texts.orders.things(isolated(items[0]?.name ?? shortId(id)), items.length - 1)}</b>
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
