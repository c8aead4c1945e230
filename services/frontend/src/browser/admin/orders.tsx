import { useState } from "preact/hooks";
import { isolated } from "@shop/client/escape-invisible";
import type { Order, OrderStatus } from "@shop/contracts/http/order";
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
import { Select } from "./select.tsx";

const RENEWED_EVERY_MS = 5_000;

/** The orders of all customers, newest first; each leads to why it stands where it stands. */
export function AdminOrdersPage() {
  const { texts } = useApp();
  const t = texts.admin;
  usePageTitle(texts.nav.adminOrders);
  const [status, setStatus] = useState<OrderStatus | "">("");
  const loaded = usePages("all orders", (cursor, signal) => shop.listOrders({ limit: 50, cursor }, { signal }), {
    everyMs: RENEWED_EVERY_MS,
  });
  const [words, setWords] = useState("");
  const isShown = (order: Order) => (status === "" || order.status === status) && isFoundBy(words, order);

  return (
    <>
      <h1>{texts.nav.adminOrders}</h1>
      <div class="filters">
        <Select label={t.status} value={status} options={texts.orderStatus} onChange={(chosen) => setStatus(chosen)} />
        <Input label={t.find} name="find" autoComplete="off" value={words} onValue={setWords} />
      </div>
      <PagedList loaded={loaded} skeleton={<Skeleton rows={6} />} empty={<Empty title={t.noOrders} />}>
        {(orders) => {
          const shown = orders.filter(isShown);
          if (shown.length === 0) return <Empty title={t.noOrders} />;
          return (
            <ul class="rows card">
              {shown.map((order) => (
                <OrderRow key={order.id} order={order} />
              ))}
            </ul>
          );
        }}
      </PagedList>
    </>
  );
}

/** Whether an order's number, address or goods have these words: what a customer tells on the telephone. */
function isFoundBy(words: string, { id, deliveryAddress, items }: Order): boolean {
  const text = [id, deliveryAddress, ...items.map(({ name }) => name)].join(" ").toLowerCase();
  return text.includes(words.trim().toLowerCase());
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
