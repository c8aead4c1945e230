import { Component, type ComponentChildren } from "preact";
import type { Language } from "../../pages/preferences.ts";
import { TEXTS } from "../i18n/texts.ts";
import { clearStored } from "../storage.ts";
import { Jar } from "./jar.tsx";

interface BoundaryProps {
  readonly language: Language;
  readonly children: ComponentChildren;
}

/** Shows a page that helps where another one could not be shown. It needs nothing of the app, which may be what has failed. */
export class Boundary extends Component<BoundaryProps, { readonly hasFailed: boolean }> {
  override state = { hasFailed: false };

  static override getDerivedStateFromError = () => ({ hasFailed: true });

  override componentDidCatch(error: unknown): void {
    reportError(error);
  }

  override render({ language, children }: BoundaryProps) {
    return this.state.hasFailed ? <Failed language={language} /> : children;
  }
}

function Failed({ language }: Pick<BoundaryProps, "language">) {
  const t = TEXTS[language].failed;
  return (
    <div class="empty" role="alert">
      <Jar size={72} />
      <h1 class="empty-title">{t.title}</h1>
      <p>{t.text}</p>
      <p class="actions">
        <button type="button" class="button primary" onClick={() => location.reload()}>
          {t.reload}
        </button>
        <button
          type="button"
          class="button"
          onClick={() => {
            clearStored();
            location.assign("/");
          }}
        >
          {t.clear}
        </button>
      </p>
      <small>{t.clearHint}</small>
    </div>
  );
}
