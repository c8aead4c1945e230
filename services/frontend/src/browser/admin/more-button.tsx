import { useState } from "preact/hooks";
import type { Page } from "../api.ts";
import { useApp } from "../app-state.ts";
import type { Loaded } from "../load.ts";
import { errorText } from "../parts/states.tsx";

interface MoreButtonProps<Item> {
  readonly loaded: Loaded<Page<Item>>;
  read(cursor: string): Promise<Page<Item>>;
}

/** Reads the next page of a list and puts it behind what is shown. */
export function MoreButton<Item>({ loaded, read }: MoreButtonProps<Item>) {
  const { texts, announce } = useApp();
  const [isBusy, setBusy] = useState(false);
  const cursor = loaded.value?.nextCursor ?? null;

  async function readMore(from: string): Promise<void> {
    setBusy(true);
    try {
      const next = await read(from);
      loaded.replace(({ items }) => ({ ...next, items: [...items, ...next.items] }));
    } catch (error) {
      announce(errorText(texts, error));
    }
    setBusy(false);
  }

  if (cursor === null) return null;
  return (
    <p class="more">
      <button type="button" class="button" disabled={isBusy} onClick={() => void readMore(cursor)}>
        {isBusy ? texts.loading : texts.more}
      </button>
    </p>
  );
}
