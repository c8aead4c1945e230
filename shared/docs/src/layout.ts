import { html, raw } from "hono/html";

/** What a page of the documentation is made of. Its addresses are those of files of this host. */
interface LayoutOptions {
  readonly title: string;
  readonly description: string;
  /** The address of this page, to show where the reader is. */
  readonly path: string;
  readonly styles: readonly string[];
  readonly scripts: readonly string[];
  /** HTML. */
  readonly content: string;
}

const pages = [
  { path: "/docs", name: "HTTP API" },
  { path: "/docs/messages", name: "Messages" },
];
const documents = ["/openapi.json", "/asyncapi.json"];

/** A page of the documentation, without anything inline. */
export async function layout({ title, description, path, styles, scripts, content }: LayoutOptions): Promise<string> {
  const link = (page: (typeof pages)[number]) =>
    page.path === path
      ? html`<a href="${page.path}" aria-current="page">${page.name}</a>`
      : html`<a href="${page.path}">${page.name}</a>`;
  const page = await html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta name="description" content="${description}" />
        <title>${title}</title>
        <link rel="icon" href="data:," />
        ${styles.map((style) => html`<link rel="stylesheet" href="${style}" />`)}
        ${scripts.map((script) => html`<script defer src="${script}"></script>`)}
      </head>
      <body>
        <a class="skip" href="#content">To the content</a>
        <header class="bar">
          <p class="name">Order and delivery</p>
          <nav aria-label="Documentation">${pages.map(link)}</nav>
          <p class="documents">${documents.map((document) => html`<a href="${document}">${document.slice(1)}</a>`)}</p>
        </header>
        <main id="content">${raw(content)}</main>
      </body>
    </html> `;
  return page.toString();
}
