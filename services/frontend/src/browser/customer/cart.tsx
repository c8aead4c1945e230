import { useState } from "preact/hooks";
import { isProblem, NoAnswerError } from "@shop/client/problem-error";
import type { Product } from "@shop/contracts/http/product";
import { accountPath } from "../addresses.ts";
import { useApp } from "../app-state.ts";
import { newOrderKey, orderKey } from "../cart.ts";
import type { CartLine } from "../kept.ts";
import { MAX_QUANTITY } from "../limits.ts";
import { useLoad } from "../load.ts";
import { Form, Input } from "../parts/form.tsx";
import { Link } from "../parts/link.tsx";
import { Empty, fieldError } from "../parts/states.tsx";
import { Stepper } from "../parts/stepper.tsx";
import { Tile } from "../parts/tile.tsx";
import { usePageTitle } from "../parts/title.ts";
import { rememberAddress, rememberedAddress } from "../personal.ts";
import { navigate, pathTo } from "../router.ts";
import { shop } from "../shop.ts";

export function CartPage() {
  const { texts, format, cart, emptyCart } = useApp();
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
          <li class="line-foot">
            <span class="quiet">{t.stays}</span>
            <button type="button" class="quiet-button" onClick={emptyCart}>
              {t.emptyIt}
            </button>
          </li>
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
    return { id, product: await shop.getProduct(id, { signal }) };
  } catch (error) {
    if (isProblem(error, "NOT_FOUND")) return { id, product: undefined };
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
  const { texts, user, isSettled } = useApp();
  const t = texts.cart;
  if (user === undefined) {
    return isSettled ? (
      <Link to={accountPath("signIn")} class="button primary wide">
        {t.signInFirst}
      </Link>
    ) : null;
  }
  if (user.role !== "customer") return <p class="quiet">{t.notFor}</p>;
  return <CheckoutForm userId={user.id} />;
}

function CheckoutForm({ userId }: { readonly userId: string }) {
  const { texts, cart, emptyCart } = useApp();
  const t = texts.cart;
  const [deliveryAddress, setAddress] = useState(() => rememberedAddress(userId));

  async function placeOrder(): Promise<void> {
    const items = cart.map(({ product, quantity }) => ({ productId: product.id, quantity }));
    const body = { items, deliveryAddress: deliveryAddress.trim() };
    rememberAddress(userId, body.deliveryAddress);
    const order = await shop.createOrder(body, { idempotencyKey: orderKey() }).catch((error: unknown) => {
      // The order that was sent before has been placed. The page says so: whoever sends this one means another.
      if (isProblem(error, "IDEMPOTENCY_KEY_REUSED")) newOrderKey();
      throw error;
    });
    emptyCart();
    navigate(pathTo("order", order.id));
  }

  return (
    <Form label={t.order} busyLabel={t.ordering} send={placeOrder}>
      {(error) => (
        <>
          <Input
            label={t.address}
            hint={t.addressHint}
            error={fieldError(texts, error, "deliveryAddress")}
            name="deliveryAddress"
            autoComplete="street-address"
            required
            maxLength={500}
            value={deliveryAddress}
            onValue={setAddress}
          />
          {error instanceof NoAnswerError ? <p class="hint">{t.unsure}</p> : null}
        </>
      )}
    </Form>
  );
}
