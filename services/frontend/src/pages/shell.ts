import { html } from "hono/html";
import type { Assets } from "./assets.ts";
import type { Preferences } from "./preferences.ts";

interface ShellOptions extends Preferences {
  readonly assets: Pick<Assets, "scriptPath" | "stylePath">;
  /** Whether the browser has a session, so that the script need not ask when there is none; unknown when the browser may have kept its cookie back. */
  readonly session: "yes" | "no" | "unknown";
}

const texts = {
  en: {
    title: "Moon Jar — crafts and pantry from Korea",
    noScript: "These pages need JavaScript. Everything they do can also be done through the API:",
  },
  ko: {
    title: "달항 — 한국의 공예와 먹거리",
    noScript: "이 페이지는 자바스크립트가 필요합니다. 모든 기능은 API로도 쓸 수 있습니다:",
  },
} as const;

/** A moon jar, for the browser's tab. */
const ICON =
  "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'%3E%3Crect width='32' height='32' rx='8' fill='%23235f54'/%3E%3Cpath d='M12 6h8l-1 3c5 2 7 5 7 9 0 4-4 7-6 8h-8c-2-1-6-4-6-8 0-4 2-7 7-9z' fill='%23f7f4ec'/%3E%3C/svg%3E";

/** The document of all pages: nothing of a person is in it. */
export function shell({ assets, language, theme, session }: ShellOptions) {
  const { title, noScript } = texts[language];
  return html`<!doctype html>
    <html lang="${language}" data-theme="${theme ?? "system"}" data-session="${session}">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover" />
        <meta name="color-scheme" content="${theme ?? "light dark"}" />
        <title>${title}</title>
        <link rel="icon" href="${ICON}" />
        <link rel="stylesheet" href="${assets.stylePath}" />
        <script type="module" src="${assets.scriptPath}"></script>
      </head>
      <body>
        <div id="app"></div>
        <noscript
          ><p class="no-script">${noScript} <a href="/docs">/docs</a></p></noscript
        >
      </body>
    </html>`;
}
