/** @jsxImportSource hono/jsx */
import { html } from "hono/html";
import type { Product } from "@shop/contracts/http/product";

const journey = [
  ["Log in", "A signed token says who you are; every service checks it itself."],
  ["Order", "The order and its first message are stored together, or not at all."],
  ["Saga", "Stock is taken and a delivery made; what fails on the way is taken back."],
  ["Deliver", "A rider hands the goods over, and the order is complete."],
] as const;

/** The page at `/`. Products are undefined when the API cannot tell them now. */
export function homePage(products: readonly Product[] | undefined) {
  const page = (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>Order and delivery</title>
        <link rel="icon" href="data:," />
        <link rel="stylesheet" href="/style.css" />
      </head>
      <body>
        <header>
          <h1>Order and delivery</h1>
          <p>
            An online shop's backend: from log-in to the rider at the door, with nothing lost and nothing done twice.
          </p>
        </header>
        <main>
          <section aria-labelledby="journey">
            <h2 id="journey">An order's journey</h2>
            <ol>
              {journey.map(([step, what]) => (
                <li>
                  <strong>{step}</strong> {what}
                </li>
              ))}
            </ol>
          </section>
          <section aria-labelledby="products">
            <h2 id="products">On sale</h2>
            <Products products={products} />
          </section>
          <section aria-labelledby="api">
            <h2 id="api">The API</h2>
            <p>
              Every call is described in <a href="/openapi.json">the OpenAPI document</a>. The products above come from{" "}
              <a href="/api/products">/api/products</a>.
            </p>
          </section>
        </main>
      </body>
    </html>
  );
  return html`<!doctype html>${page}`;
}

function Products({ products }: { readonly products: readonly Product[] | undefined }) {
  if (products === undefined)
    return <p role="status">The products cannot be shown right now. Try again in a moment.</p>;
  if (products.length === 0) return <p>Nothing is on sale yet.</p>;
  return (
    <ul class="products">
      {products.map(({ name, description, price, currency, stock }) => (
        <li>
          <h3>{name}</h3>
          {description === "" ? null : <p>{description}</p>}
          <p class="facts">
            <span class="price">{formatPrice(price, currency)}</span>
            <span class={stock === 0 ? "stock none" : "stock"}>{stock === 0 ? "sold out" : `${stock} in stock`}</span>
          </p>
        </li>
      ))}
    </ul>
  );
}

/** @param price in the currency's minor unit */
function formatPrice(price: number, currency: string): string {
  const format = new Intl.NumberFormat("en", { style: "currency", currency });
  const digits = format.resolvedOptions().maximumFractionDigits ?? 0;
  return format.format(price / 10 ** digits);
}

export const STYLE_SHEET = `
:root { color-scheme: light dark; --ink: #1c2430; --quiet: #5b6675; --ground: #f7f7f4; --card: #ffffff; --line: #dfe2dc; --accent: #0b6b57; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8ebe6; --quiet: #a3adb5; --ground: #14181c; --card: #1d2329; --line: #323a42; --accent: #6fd3b8; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 1rem/1.6 system-ui, sans-serif; }
header, main { max-width: 62rem; margin: 0 auto; padding: 0 1.25rem; }
header { padding-top: 3.5rem; }
h1 { margin: 0; font-size: clamp(1.9rem, 5vw, 2.8rem); line-height: 1.15; letter-spacing: -0.02em; }
header p { max-width: 38rem; margin: 0.75rem 0 0; color: var(--quiet); font-size: 1.1rem; }
h2 { margin: 2.75rem 0 0.9rem; font-size: 1.2rem; }
a { color: var(--accent); }
ol, ul { margin: 0; padding: 0; list-style: none; display: grid; gap: 0.9rem; grid-template-columns: repeat(auto-fill, minmax(13rem, 1fr)); }
ol { counter-reset: step; }
li { padding: 1rem 1.1rem; background: var(--card); border: 1px solid var(--line); border-radius: 0.7rem; }
ol li { counter-increment: step; color: var(--quiet); }
ol strong { display: block; color: var(--ink); }
ol strong::before { content: counter(step) ". "; color: var(--accent); }
h3 { margin: 0; font-size: 1rem; overflow-wrap: anywhere; }
li p { margin: 0.25rem 0 0; color: var(--quiet); font-size: 0.92rem; overflow-wrap: anywhere; }
.facts { display: flex; justify-content: space-between; gap: 0.75rem; margin-top: 0.6rem; }
.price { color: var(--ink); font-weight: 600; }
.none { color: var(--quiet); font-style: italic; }
main { padding-bottom: 4rem; }
`;
