import { useState } from "preact/hooks";
import type { Product } from "@shop/contracts/http/product";
import { callApi, type Page, withQuery } from "../api.ts";
import { useApp } from "../app-state.ts";
import { useLoad } from "../load.ts";
import { Empty, errorText, Skeleton, WhenLoaded } from "../parts/states.tsx";
import { Stepper } from "../parts/stepper.tsx";
import { Tile } from "../parts/tile.tsx";
import { usePageTitle } from "../parts/title.ts";

const PAGE_SIZE = "24";
/** The most that an order may have of one product. */
export const MAX_QUANTITY = 1_000;

const readProducts = (cursor: string | null, signal?: AbortSignal) =>
  callApi<Page<Product>>("GET", withQuery("/api/products", { limit: PAGE_SIZE, cursor }), { signal });

export function ShopPage() {
  const { texts, announce } = useApp();
  const t = texts.shop;
  usePageTitle(texts.nav.shop);
  const loaded = useLoad("products", (signal) => readProducts(null, signal));
  const [isBusy, setBusy] = useState(false);

  async function readMore(cursor: string): Promise<void> {
    setBusy(true);
    try {
      const next = await readProducts(cursor);
      loaded.replace(({ items }) => ({ ...next, items: [...items, ...next.items] }));
    } catch (error) {
      announce(errorText(texts, error));
    }
    setBusy(false);
  }

  return (
    <>
      <header class="hero">
        <h1>{t.title}</h1>
        <p>{t.lead}</p>
      </header>
      <WhenLoaded loaded={loaded} skeleton={<Skeleton rows={8} class="grid" />}>
        {({ items, nextCursor }) =>
          items.length === 0 ? (
            <Empty title={t.empty} />
          ) : (
            <>
              <ul class="products">
                {items.map((product) => (
                  <ProductCard key={product.id} product={product} />
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

function ProductCard({ product }: { readonly product: Product }) {
  const { texts, format, cart, putInCart, announce, user } = useApp();
  const t = texts.shop;
  const { id, name, description, price, currency, stock } = product;
  const inCart = cart.find((line) => line.product.id === id)?.quantity ?? 0;
  const mayOrder = user === undefined || user.role === "customer";

  return (
    <li class={stock === 0 ? "product gone" : "product"}>
      <Tile id={id} />
      <div class="product-body">
        <h2>{name}</h2>
        {description === "" ? null : <p class="description">{description}</p>}
        <p class="facts">
          <span class="price">{format.money(price, currency)}</span>
          <span class={stock === 0 ? "pill bad" : stock === 1 ? "pill warn" : "pill"}>
            {stock === 0 ? t.soldOut : stock === 1 ? t.lastOne : t.inStock(format.number(stock))}
          </span>
        </p>
        {!mayOrder || stock === 0 ? null : inCart === 0 ? (
          <button
            type="button"
            class="button wide"
            aria-label={`${t.add}: ${name}`}
            onClick={() => {
              putInCart(product, 1);
              announce(t.added(name));
            }}
          >
            {t.add}
          </button>
        ) : (
          <Stepper
            name={name}
            value={inCart}
            max={Math.min(stock, MAX_QUANTITY)}
            onChange={(quantity) => putInCart(product, quantity)}
          />
        )}
      </div>
    </li>
  );
}
