import { isProblem } from "@shop/client/problem-error";
import type { Product } from "@shop/contracts/http/product";
import { useApp } from "../app-state.ts";
import type { CartLine } from "../kept.ts";
import { MAX_QUANTITY } from "../limits.ts";
import { useLoad } from "../load.ts";
import { Link } from "../parts/link.tsx";
import { Empty } from "../parts/states.tsx";
import { Stepper } from "../parts/stepper.tsx";
import { Tile } from "../parts/tile.tsx";
import { usePageTitle } from "../parts/title.ts";
import { Written } from "../parts/written.tsx";
import { pathTo } from "../router.ts";
import { shop } from "../shop.ts";
import { Checkout } from "./checkout.tsx";
import { totalOf } from "./offer.ts";

export function CartPage() {
  const { texts, format, cart, setCart } = useApp();
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
    const isGone = now !== undefined && now.product === undefined;
    return { ...line, product: now?.product ?? line.product, isGone, wasPrice: line.product.price };
  });
  return (
    <>
      <h1>{t.title}</h1>
      <div class="two-columns">
        <ul class="lines card">
          {lines.map((line) => (
            <Line key={line.product.id} {...line} />
          ))}
          <li class="line-foot">
            <span class="quiet">{t.stays}</span>
            <button type="button" class="quiet-button" onClick={() => setCart([])}>
              {t.emptyIt}
            </button>
          </li>
        </ul>
        <aside class="card checkout">
          <p class="sum">
            <span>{t.total}</span>
            <b>{format.money(totalOf(lines), lines[0]?.product.currency ?? "KRW")}</b>
          </p>
          <Checkout lines={lines} onChange={current.reload} />
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

interface LineProps extends CartLine {
  readonly isGone: boolean;
  /** What it cost when it was put into the cart. */
  readonly wasPrice: number;
}

function Line({ product, quantity, isGone, wasPrice }: LineProps) {
  const { texts, format, putInCart } = useApp();
  const t = texts.cart;
  const { id, name, price, currency, stock } = product;
  return (
    <li class="line">
      <Tile id={id} small />
      <div class="line-what">
        <b>
          <Written>{name}</Written>
        </b>
        <span class="quiet">
          {price === wasPrice ? null : <del>{format.money(wasPrice, currency)}</del>} {format.money(price, currency)}
        </span>
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
          <span class="unseen">
            {" "}
            <Written>{name}</Written>
          </span>
        </button>
      </div>
      <b class="line-sum">{format.money(price * quantity, currency)}</b>
    </li>
  );
}
