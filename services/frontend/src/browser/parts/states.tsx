import type { ComponentChildren } from "preact";
import { ProblemError } from "@shop/client/problem-error";
import { useApp } from "../app-state.ts";
import type { Texts } from "../i18n/en.ts";
import type { Loaded } from "../load.ts";
import { Icon } from "./icon.tsx";
import { Jar } from "./jar.tsx";

/** What went wrong, in words for the person in front of it. */
export function errorText(texts: Texts, error: unknown): string {
  if (!(error instanceof ProblemError)) return navigator.onLine ? texts.noConnection : texts.offline;
  return texts.problems[error.problem.code] ?? error.problem.detail;
}

/** What the API said of one field, by its path; undefined when it is content with it. */
export function fieldError(texts: Texts, error: unknown, path: string): string | undefined {
  if (!(error instanceof ProblemError)) return undefined;
  const found = error.problem.errors?.find((one) => one.path === path);
  return found && (texts.fields[found.message] ?? found.message);
}

export function ErrorNotice({ error, onRetry }: { readonly error: unknown; readonly onRetry?: () => void }) {
  const { texts } = useApp();
  return (
    <div class="notice bad" role="alert">
      <Icon name="alert" />
      <p>
        {errorText(texts, error)}
        {error instanceof ProblemError && error.problem.status >= 500 ? (
          <small class="request-id">{error.problem.requestId}</small>
        ) : null}
      </p>
      {onRetry && (
        <button type="button" class="button small" onClick={onRetry}>
          {texts.retry}
        </button>
      )}
    </div>
  );
}

interface EmptyProps {
  readonly title: string;
  readonly text?: string;
  readonly children?: ComponentChildren;
}

/** Nothing to show, and what can be done about it. */
export function Empty({ title, text, children }: EmptyProps) {
  return (
    <div class="empty">
      <Jar size={72} />
      <p class="empty-title">{title}</p>
      {text === undefined ? null : <p>{text}</p>}
      {children}
    </div>
  );
}

/** Grey shapes where things will be. */
export function Skeleton({ rows, class: kind = "row" }: { readonly rows: number; readonly class?: string }) {
  const { texts } = useApp();
  return (
    <div class={`skeleton ${kind}`} role="status">
      <span class="unseen">{texts.loading}</span>
      {Array.from({ length: rows }, (_, index) => (
        <div key={index} class="bone" />
      ))}
    </div>
  );
}

interface WhenLoadedProps<Value> {
  readonly loaded: Loaded<Value>;
  readonly skeleton: ComponentChildren;
  children(value: Value): ComponentChildren;
}

/** Shows what was loaded; before that a skeleton or why it failed, and beside an older value that it could not be refreshed. */
export function WhenLoaded<Value>({ loaded, skeleton, children }: WhenLoadedProps<Value>) {
  const { value, error, reload } = loaded;
  if (value === undefined)
    return <>{error === undefined ? skeleton : <ErrorNotice error={error} onRetry={reload} />}</>;
  return (
    <>
      {error === undefined ? null : <ErrorNotice error={error} onRetry={reload} />}
      {children(value)}
    </>
  );
}
