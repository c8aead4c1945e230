import { useEffect } from "preact/hooks";
import { useApp } from "../app-state.ts";

/** Names the page in the browser's tab, and so to a screen reader. */
export function usePageTitle(title: string): void {
  const { texts } = useApp();
  useEffect(() => {
    document.title = `${title} · ${texts.brand}`;
  }, [title, texts]);
}
