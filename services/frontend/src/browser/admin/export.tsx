import { useApp } from "../app-state.ts";
import { useDeed } from "../attempt.ts";

/** As many rows as a file holds at most: what a browser and a person can take. */
const MAX_ROWS = 20_000;
const PAGE = 100;
/** How long a file is kept for the browser to save it, in milliseconds. */
const KEPT_MS = 60_000;

type Query = Readonly<Record<string, string | undefined>>;

interface ExportProps {
  /** The list's address, such as `/api/orders`. */
  readonly path: string;
  readonly query: Query;
}

/** A list as a file, as it is filtered: the shop writes each page of it. */
export function Export({ path, query }: ExportProps) {
  const { texts, announce } = useApp();
  const t = texts.admin;
  const { isBusy, run } = useDeed();

  async function save(type: "text/csv" | "application/x-ndjson", ending: string): Promise<void> {
    const parts: string[] = [];
    let cursor: string | null = null;
    do {
      const page = await readPage(path, { ...query, limit: String(PAGE), cursor: cursor ?? undefined }, type);
      // The line of names is that of the first page.
      parts.push(type === "text/csv" && parts.length > 0 ? page.text.slice(page.text.indexOf("\n") + 1) : page.text);
      cursor = page.next;
    } while (cursor !== null && parts.length * PAGE < MAX_ROWS);
    download(new Blob(parts, { type }), `${path.split("/").at(-1)}.${ending}`);
    announce(cursor === null ? t.exported : t.exportCut(MAX_ROWS));
  }

  return (
    <span class="export">
      <button
        type="button"
        class="button small"
        disabled={isBusy}
        onClick={() => void run(() => save("text/csv", "csv"))}
      >
        {t.exportCsv}
      </button>
      <button
        type="button"
        class="button small"
        disabled={isBusy}
        onClick={() => void run(() => save("application/x-ndjson", "jsonl"))}
      >
        {t.exportLines}
      </button>
    </span>
  );
}

async function readPage(path: string, query: Query, accept: string) {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) parameters.set(name, value);
  const response = await fetch(`${path}?${parameters}`, { headers: { accept }, cache: "no-store" });
  if (!response.ok) throw new Error(`${path} answered ${response.status}`);
  return { text: await response.text(), next: response.headers.get("x-next-cursor") };
}

function download(blob: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  // The browser reads it some time after the click.
  setTimeout(() => URL.revokeObjectURL(link.href), KEPT_MS);
}
