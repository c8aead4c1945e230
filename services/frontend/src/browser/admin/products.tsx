import { useState } from "preact/hooks";
import { isolated } from "@shop/client/escape-invisible";
import type { Product } from "@shop/contracts/http/product";
import { useApp } from "../app-state.ts";
import { usePages } from "../load.ts";
import { Dialog } from "../parts/dialog.tsx";
import { PagedList } from "../parts/paged-list.tsx";
import { Empty, Skeleton } from "../parts/states.tsx";
import { Tile } from "../parts/tile.tsx";
import { usePageTitle } from "../parts/title.ts";
import { Written } from "../parts/written.tsx";
import { shop } from "../shop.ts";
import { ProductForm, StockForm, WithdrawForm } from "./product-forms.tsx";

const RENEWED_EVERY_MS = 5_000;

type Question = { readonly kind: "new" } | { readonly kind: "edit" | "stock" | "withdraw"; readonly product: Product };

/** What is on sale: new products, other words and prices, stock that came or went, and what is sold no more. */
export function ProductsPage() {
  const { texts } = useApp();
  const t = texts.admin;
  usePageTitle(texts.nav.products);
  const loaded = usePages("all products", (cursor, signal) => shop.listProducts({ limit: 50, cursor }, { signal }), {
    everyMs: RENEWED_EVERY_MS,
  });
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
      <PagedList loaded={loaded} skeleton={<Skeleton rows={6} />} empty={<Empty title={texts.shop.empty} />}>
        {(products) => (
          <ul class="rows card">
            {products.map((product) => (
              <ProductRow key={product.id} product={product} onAsk={(kind) => setQuestion({ kind, product })} />
            ))}
          </ul>
        )}
      </PagedList>
      {question === undefined ? null : (
        <Dialog
          title={question.kind === "new" ? t.newProduct : `${t[question.kind]}: ${isolated(question.product.name)}`}
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

interface ProductRowProps {
  readonly product: Product;
  onAsk(kind: "stock" | "edit" | "withdraw"): void;
}

function ProductRow({ product, onAsk }: ProductRowProps) {
  const { texts, format } = useApp();
  const { id, name, price, currency, stock } = product;
  return (
    <li class="row product-row">
      <Tile id={id} small />
      <span class="row-what">
        <b>
          <Written>{name}</Written>
        </b>
        <span class="quiet">
          {format.money(price, currency)} ·{" "}
          {stock === 0 ? texts.shop.soldOut : texts.shop.inStock(format.number(stock))}
        </span>
      </span>
      <span class="row-actions">
        {(["stock", "edit", "withdraw"] as const).map((kind) => (
          <button
            key={kind}
            type="button"
            class={kind === "withdraw" ? "button small danger" : "button small"}
            onClick={() => onAsk(kind)}
          >
            {texts.admin[kind]}
            <span class="unseen">
              : <Written>{name}</Written>
            </span>
          </button>
        ))}
      </span>
    </li>
  );
}
