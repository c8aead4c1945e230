import { useState } from "preact/hooks";
import type { Product } from "@shop/contracts/http/product";
import { callApi, type Page, withQuery } from "../api.ts";
import { useApp } from "../app-state.ts";
import { useLoad } from "../load.ts";
import { Dialog } from "../parts/dialog.tsx";
import { Empty, Skeleton, WhenLoaded } from "../parts/states.tsx";
import { Tile } from "../parts/tile.tsx";
import { usePageTitle } from "../parts/title.ts";
import { MoreButton } from "./more-button.tsx";
import { ProductForm, StockForm, WithdrawForm } from "./product-forms.tsx";

const readProducts = (cursor: string | null, signal?: AbortSignal) =>
  callApi<Page<Product>>("GET", withQuery("/api/products", { limit: "50", cursor }), { signal });

type Question = { readonly kind: "new" } | { readonly kind: "edit" | "stock" | "withdraw"; readonly product: Product };

/** What is on sale: new products, other words and prices, stock that came or went, and what is sold no more. */
export function ProductsPage() {
  const { texts, format } = useApp();
  const t = texts.admin;
  usePageTitle(texts.nav.products);
  const loaded = useLoad("all products", (signal) => readProducts(null, signal));
  const [question, setQuestion] = useState<Question>();

  function done(): void {
    setQuestion(undefined);
    loaded.reload();
  }

  return (
    <>
      <header class="page-head spread">
        <h1>{texts.nav.products}</h1>
        <button type="button" class="button primary" onClick={() => setQuestion({ kind: "new" })}>
          {t.newProduct}
        </button>
      </header>
      <WhenLoaded loaded={loaded} skeleton={<Skeleton rows={6} />}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty title={texts.shop.empty} />
          ) : (
            <>
              <ul class="rows card">
                {items.map((product) => (
                  <li key={product.id} class="row product-row">
                    <Tile id={product.id} small />
                    <span class="row-what">
                      <b>{product.name}</b>
                      <span class="quiet">
                        {format.money(product.price, product.currency)} ·{" "}
                        {product.stock === 0 ? texts.shop.soldOut : texts.shop.inStock(format.number(product.stock))}
                      </span>
                    </span>
                    <span class="row-actions">
                      {(["stock", "edit", "withdraw"] as const).map((kind) => (
                        <button
                          key={kind}
                          type="button"
                          class={kind === "withdraw" ? "button small danger" : "button small"}
                          onClick={() => setQuestion({ kind, product })}
                        >
                          {t[kind]}
                          <span class="unseen">: {product.name}</span>
                        </button>
                      ))}
                    </span>
                  </li>
                ))}
              </ul>
              <MoreButton loaded={loaded} read={(cursor) => readProducts(cursor)} />
            </>
          )
        }
      </WhenLoaded>
      {question === undefined ? null : (
        <Dialog
          title={question.kind === "new" ? t.newProduct : `${t[question.kind]}: ${question.product.name}`}
          onClose={() => setQuestion(undefined)}
        >
          {question.kind === "new" ? <ProductForm onDone={done} /> : null}
          {question.kind === "edit" ? <ProductForm product={question.product} onDone={done} /> : null}
          {question.kind === "stock" ? <StockForm product={question.product} onDone={done} /> : null}
          {question.kind === "withdraw" ? <WithdrawForm product={question.product} onDone={done} /> : null}
        </Dialog>
      )}
    </>
  );
}
