import { useEffect, useRef } from "preact/hooks";
import { harmless, isolated } from "@shop/client/escape-invisible";
import type { Product } from "@shop/contracts/http/product";
import { useApp } from "../app-state.ts";
import { MAX_PRODUCTS, MAX_QUANTITY } from "../limits.ts";
import { usePages } from "../load.ts";
import { PagedList } from "../parts/paged-list.tsx";
import { Empty, Skeleton } from "../parts/states.tsx";
import { Stepper } from "../parts/stepper.tsx";
import { Tile } from "../parts/tile.tsx";
import { usePageTitle } from "../parts/title.ts";
import { Written } from "../parts/written.tsx";
import { shop } from "../shop.ts";

const PAGE_SIZE = 24;

export function ShopPage() {
  const { texts } = useApp();
  const t = texts.shop;
  usePageTitle(texts.nav.shop);
  const loaded = usePages("products", (cursor, signal) => shop.listProducts({ limit: PAGE_SIZE, cursor }, { signal }));

  return (
    <>
      <header class="hero">
        <h1>{t.title}</h1>
        <p>{t.lead}</p>
      </header>
      <PagedList loaded={loaded} skeleton={<Skeleton rows={8} class="grid" />} empty={<Empty title={t.empty} />}>
        {(products) => (
          <ul class="products">
            {products.map((product) => (
              <ProductCard key={product.id} product={product} />
            ))}
          </ul>
        )}
      </PagedList>
    </>
  );
}

function ProductCard({ product }: { readonly product: Product }) {
  const { texts, format, cart, putInCart, announce, user } = useApp();
  const t = texts.shop;
  const { id, name, description, price, currency, stock } = product;
  const inCart = cart.find((line) => line.product.id === id)?.quantity ?? 0;
  const card = useRef<HTMLLIElement>(null);
  const hasPressed = useRef(false);
  const mayOrder = user === undefined || user.role === "customer";

  // The pressed button is gone: anyone who continues by keyboard does so at the one in its place.
  useEffect(() => {
    if (hasPressed.current)
      Array.from(card.current?.querySelectorAll("button") ?? [])
        .at(-1)
        ?.focus();
    hasPressed.current = false;
  }, [inCart === 0]);

  function put(quantity: number): void {
    if (inCart === 0 && cart.length >= MAX_PRODUCTS) {
      announce(t.full(MAX_PRODUCTS));
      return;
    }
    hasPressed.current = quantity === 0 || inCart === 0;
    putInCart(product, quantity);
  }

  return (
    <li ref={card} class={stock === 0 ? "product gone" : "product"}>
      <Tile id={id} />
      <div class="product-body">
        <h2>
          <Written>{name}</Written>
        </h2>
        {description === "" ? null : (
          <p class="description">
            <Written>{description}</Written>
          </p>
        )}
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
            aria-label={`${t.add}: ${harmless(name)}`}
            onClick={() => {
              announce(t.added(isolated(name)));
              put(1);
            }}
          >
            {t.add}
          </button>
        ) : (
          <Stepper name={name} value={inCart} max={Math.min(stock, MAX_QUANTITY)} onChange={put} />
        )}
      </div>
    </li>
  );
}
