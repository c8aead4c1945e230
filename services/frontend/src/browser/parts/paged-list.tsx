import type { ComponentChildren } from "preact";
import { useApp } from "../app-state.ts";
import { useDeed } from "../attempt.ts";
import type { LoadedPages } from "../load.ts";
import { WhenLoaded } from "./states.tsx";

interface PagedListProps<Item> {
  readonly loaded: LoadedPages<Item>;
  readonly skeleton: ComponentChildren;
  readonly empty: ComponentChildren;
  children(items: readonly Item[]): ComponentChildren;
}

/** A list that is read page after page, and what stands in its place while it is empty or not there yet. */
export function PagedList<Item>({ loaded, skeleton, empty, children }: PagedListProps<Item>) {
  const { texts } = useApp();
  const { isBusy, run } = useDeed();
  return (
    <WhenLoaded loaded={loaded} skeleton={skeleton}>
      {({ items, nextCursor }) => (
        <>
          {items.length === 0 ? empty : children(items)}
          {nextCursor === null ? null : (
            <p class="more">
              <button type="button" class="button" disabled={isBusy} onClick={() => void run(loaded.readMore)}>
                {isBusy ? texts.loading : texts.more}
              </button>
            </p>
          )}
        </>
      )}
    </WhenLoaded>
  );
}
