import axe from "axe-core";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import {
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  chromium,
  type Locator,
  type Page,
} from "playwright-core";
import { findChromium, HOW_TO_GET_CHROMIUM } from "@shop/check/chromium";

/** Nothing of it is kept by git; CI keeps it as an artefact. */
const SCREENSHOTS = join(import.meta.dir, "..", "browser", "screenshots");
const FLAGS = [
  ...["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"],
  ...["--disable-background-networking", "--disable-component-update", "--disable-sync"],
];

/** How long a page may take to show what is waited for: it ends what hangs. */
const HANGS_MS = 90_000;

export const DESK = { width: 1440, height: 900 } as const;
export const PHONE = { width: 390, height: 844 } as const;

/** How the pages name an order or a rider. */
export const shortId = (id: string): string => id.slice(-6).toUpperCase();

/** One person's browser: its cookies and storage are nobody else's. */
export interface Visitor {
  readonly page: Page;
  readonly context: BrowserContext;
  /** What the browser complained of in any of its tabs: errors of scripts, and whatever the content security policy refused. */
  readonly complaints: readonly string[];
  signIn(name: string): Promise<void>;
  /** Keeps a picture of what is seen, for people to look at. */
  picture(name: string, tab?: Page): Promise<void>;
  /** Serious and critical findings of axe on what is seen now, in words. */
  accessibilityFindings(): Promise<readonly string[]>;
}

export interface TestBrowser {
  /** A new person at the shop; by default with an English browser at a desk. */
  visit(options?: BrowserContextOptions): Promise<Visitor>;
  stop(): Promise<void>;
}

export interface Pictures {
  /** Where they are kept. */
  readonly folder: string;
  /** The whole page, or what fits the window. */
  readonly fullPage: boolean;
}

/** Starts a Chromium for one test file. */
export async function startBrowser(
  baseURL: string,
  pictures: Pictures = { folder: SCREENSHOTS, fullPage: true },
): Promise<TestBrowser> {
  const executablePath = await findChromium(process.env);
  if (executablePath === undefined) throw new Error(`There is no Chromium here: ${HOW_TO_GET_CHROMIUM}.`);
  const browser = await chromium.launch({ executablePath, args: FLAGS });
  await mkdir(pictures.folder, { recursive: true });
  return {
    visit: (options = {}) => visit(browser, pictures, { baseURL, locale: "en-GB", viewport: DESK, ...options }),
    stop: () => browser.close(),
  };
}

/** How often a person presses a button whose call the shop is too busy for. */
const PRESSES = 10;

/**
 * Presses a button until what it is for has come. A machine that is short of time answers with 503 now and then, which the page says; a person
 * presses once more.
 * @param arrived resolves when it has come, without a deadline of its own
 * @param prepare done before each press, with the number of those before it
 */
export async function press(
  button: Locator,
  arrived: () => Promise<unknown>,
  prepare: (presses: number) => Promise<unknown> = () => Promise.resolve(),
): Promise<void> {
  const isBusy = button.page().getByRole("alert").getByText("does not answer right now");
  let isThere = false;
  const arrival = arrived().then(() => (isThere = true));
  for (let presses = 0; presses < PRESSES; presses += 1) {
    await prepare(presses);
    await button.click();
    await Promise.race([arrival, isBusy.waitFor()]);
    if (isThere) return;
    await Bun.sleep(1_000);
  }
  throw new Error(`the shop was too busy ${PRESSES} times`);
}

async function visit(
  browser: Browser,
  { folder, fullPage }: Pictures,
  options: BrowserContextOptions,
): Promise<Visitor> {
  const context = await browser.newContext(options);
  context.setDefaultTimeout(HANGS_MS);
  const complaints: string[] = [];
  context.on("weberror", (error) => complaints.push(error.error().message));
  context.on("console", (message) => {
    // The browser also notes each answer of 4xx and 5xx, which are the pages' to show.
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) {
      complaints.push(message.text());
    }
  });
  const page = await context.newPage();
  return {
    page,
    context,
    complaints,
    async signIn(name) {
      await page.goto("/sign-in");
      await page.locator("input[name=username]").fill(name);
      await page.locator("input[name=password]").fill(`${name}-password`);
      await press(page.locator("form button.primary"), () =>
        page.waitForURL((url) => url.pathname !== "/sign-in", { timeout: 0 }),
      );
    },
    async picture(name, tab = page) {
      await tab.evaluate("scrollTo(0, 0)");
      await tab.screenshot({ path: join(folder, `${name}.png`), fullPage, animations: "disabled" });
    },
    async accessibilityFindings() {
      // Out of the pages' own policy: a test may run what a page may not.
      await page.evaluate(axe.source);
      const results = await page.evaluate<axe.AxeResults>("axe.run()");
      return results.violations
        .filter(({ impact }) => impact === "serious" || impact === "critical")
        .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 120)).join(" | ")}`);
    },
  };
}
