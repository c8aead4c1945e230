import { useState } from "preact/hooks";
import type { Order } from "@shop/contracts/http/order";
import type { Product } from "@shop/contracts/http/product";
import { accountPath } from "../addresses.ts";
import { ApiError, callApi, NoConnectionError } from "../api.ts";
import { type CartLine, useApp } from "../app-state.ts";
import { useLoad } from "../load.ts";
import { Field } from "../parts/field.tsx";
import { Link } from "../parts/link.tsx";
import { Empty, ErrorNotice, fieldError } from "../parts/states.tsx";
import { Stepper } from "../parts/stepper.tsx";
import { Tile } from "../parts/tile.tsx";
import { usePageTitle } from "../parts/title.ts";
import { navigate, pathTo } from "../router.ts";
import { readStored, store } from "../storage.ts";
import { MAX_QUANTITY } from "./shop.tsx";

const ADDRESS = "address";
const ATTEMPT = "attempt";

/** An order that was sent and may have arrived: sent again with the same key, it is never placed twice. */
interface SentOrder {
  readonly key: string;
  readonly body: string;
}

export function CartPage() {
  const { texts, format, cart } = useApp();
  const t = texts.cart;
  usePageTitle(t.title);
  const current = useLoad(`cart ${cart.map(({ product }) => product.id).join()}`, (signal) =>
    Promise.all(cart.map(({ product }) => readProduct(product.id, signal))),
  );

  if (cart.length === 0) {
    return (
      <>
        <h1>{t.title}</h1>
        <Empty title={t.empty}>
          <Link to={pathTo("shop")} class="button primary">
            {t.browse}
          </Link>
        </Empty>
      </>
    );
  }
  // What the shop says now counts; what the cart remembers is shown until it has answered.
  const lines = cart.map((line) => {
    const now = current.value?.find((one) => one.id === line.product.id);
    return { ...line, product: now?.product ?? line.product, isGone: now !== undefined && now.product === undefined };
  });
  const total = lines.reduce((sum, { product, quantity }) => sum + product.price * quantity, 0);
  return (
    <>
      <h1>{t.title}</h1>
      <div class="two-columns">
        <ul class="lines card">
          {lines.map((line) => (
            <Line key={line.product.id} line={line} isGone={line.isGone} />
          ))}
        </ul>
        <aside class="card checkout">
          <p class="sum">
            <span>{t.total}</span>
            <b>{format.money(total, lines[0]?.product.currency ?? "KRW")}</b>
          </p>
          <Checkout />
        </aside>
      </div>
    </>
  );
}

async function readProduct(
  id: string,
  signal: AbortSignal,
): Promise<{ readonly id: string; readonly product: Product | undefined }> {
  try {
    return { id, product: await callApi<Product>("GET", `/api/products/${id}`, { signal }) };
  } catch (error) {
    if (error instanceof ApiError && error.problem.code === "NOT_FOUND") return { id, product: undefined };
    throw error;
  }
}

function Line({ line: { product, quantity }, isGone }: { readonly line: CartLine; readonly isGone: boolean }) {
  const { texts, format, putInCart } = useApp();
  const t = texts.cart;
  const { id, name, price, currency, stock } = product;
  return (
    <li class="line">
      <Tile id={id} small />
      <div class="line-what">
        <b>{name}</b>
        <span class="quiet">{format.money(price, currency)}</span>
        {isGone ? (
          <p class="hint bad-text">{t.gone}</p>
        ) : quantity > stock ? (
          <p class="hint bad-text">{t.over(format.number(stock))}</p>
        ) : null}
      </div>
      <div class="line-how">
        {isGone ? null : (
          <Stepper
            name={name}
            value={quantity}
            max={MAX_QUANTITY}
            onChange={(changed) => putInCart(product, changed)}
          />
        )}
        <button type="button" class="quiet-button" onClick={() => putInCart(product, 0)}>
          {t.remove}
          <span class="unseen"> {name}</span>
        </button>
      </div>
      <b class="line-sum">{format.money(price * quantity, currency)}</b>
    </li>
  );
}

function Checkout() {
  const { texts, user, cart, emptyCart } = useApp();
  const t = texts.cart;
  const [deliveryAddress, setAddress] = useState(() => readStored(ADDRESS, ""));
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();

  async function placeOrder(): Promise<void> {
    const items = cart.map(({ product, quantity }) => ({ productId: product.id, quantity }));
    const body = { items, deliveryAddress: deliveryAddress.trim() };
    const sent = sentOrder(JSON.stringify([user?.id, body]));
    store(ADDRESS, body.deliveryAddress);
    setBusy(true);
    setError(undefined);
    try {
      const order = await callApi<Order>("POST", "/api/orders", { body, headers: { "idempotency-key": sent.key } });
      store(ATTEMPT, null);
      emptyCart();
      navigate(pathTo("order", order.id));
    } catch (failure) {
      setError(failure);
      setBusy(false);
    }
  }

  if (user === undefined) {
    return (
      <Link to={accountPath("signIn")} class="button primary wide">
        {t.signInFirst}
      </Link>
    );
  }
  if (user.role !== "customer") return <p class="quiet">{t.notFor}</p>;
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        void placeOrder();
      }}
    >
      <Field label={t.address} hint={t.addressHint} error={fieldError(texts, error, "deliveryAddress")}>
        {(ids) => (
          <input
            {...ids}
            name="deliveryAddress"
            autoComplete="street-address"
            required
            maxLength={500}
            value={deliveryAddress}
            onInput={(event) => setAddress(event.currentTarget.value)}
          />
        )}
      </Field>
      {error === undefined ? null : <ErrorNotice error={error} />}
      {error instanceof NoConnectionError ? <p class="hint">{t.unsure}</p> : null}
      <button class="button primary wide" disabled={isBusy}>
        {isBusy ? t.ordering : t.order}
      </button>
    </form>
  );
}

/** The key for an order with this content: the one it was last sent with, as long as it is not known to have arrived. */
function sentOrder(body: string): SentOrder {
  const last = readStored<SentOrder | null>(ATTEMPT, null);
  if (last?.body === body) return last;
  const sent = { key: crypto.randomUUID(), body };
  store(ATTEMPT, sent);
  return sent;
}
