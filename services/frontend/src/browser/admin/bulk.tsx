import { useState } from "preact/hooks";
import { escapeInvisible } from "@shop/client/escape-invisible";
import type { BulkAnswer, BulkOperation } from "@shop/contracts/http/bulk";
import { useApp } from "../app-state.ts";
import { useDeed } from "../attempt.ts";
import { useLoad } from "../load.ts";

const RENEWED_EVERY_MS = 1_000;

interface BulkProps<Action extends string> {
  /** What can be done to all, with its words. */
  readonly actions: Readonly<Record<Action, string>>;
  begin(action: Action, dryRun: boolean): Promise<BulkAnswer>;
  read(id: string, signal: AbortSignal): Promise<BulkOperation>;
  stop(id: string): Promise<BulkOperation>;
  onDone(): void;
}

/** Does the same to all that the page's filter finds: first counts them and shows some, then shows how far it is. */
export function Bulk<Action extends string>({ actions, begin, read, stop, onDone }: BulkProps<Action>) {
  const { texts, format } = useApp();
  const t = texts.bulk;
  const { isBusy, run } = useDeed();
  const [counted, setCounted] = useState<{ action: Action; answer: BulkAnswer }>();
  const [operationId, setOperationId] = useState<string>();

  const count = (action: Action) =>
    run(async () => {
      setOperationId(undefined);
      setCounted({ action, answer: await begin(action, true) });
    });
  const start = (action: Action) =>
    run(async () => {
      setOperationId((await begin(action, false)).operation?.id);
      setCounted(undefined);
    });

  return (
    <section class="card many" aria-label={t.title}>
      <header>
        <h2>{t.title}</h2>
        <div class="actions">
          {(Object.entries(actions) as [Action, string][]).map(([action, words]) => (
            <button key={action} type="button" class="button" disabled={isBusy} onClick={() => void count(action)}>
              {words}
            </button>
          ))}
        </div>
      </header>
      {counted === undefined ? null : (
        <div role="status">
          <p>{t.meant(actions[counted.action], format.number(counted.answer.total))}</p>
          <ul class="why-list">
            {counted.answer.sample.slice(0, 5).map(({ id, what }) => (
              <li key={id} class="quiet">
                {escapeInvisible(what)}
              </li>
            ))}
          </ul>
          {counted.answer.total === 0 ? null : (
            <button type="button" class="button primary" disabled={isBusy} onClick={() => void start(counted.action)}>
              {t.start(format.number(counted.answer.total))}
            </button>
          )}
        </div>
      )}
      {operationId === undefined ? null : (
        <Progress key={operationId} id={operationId} read={read} stop={stop} onDone={onDone} />
      )}
    </section>
  );
}

interface ProgressProps extends Pick<BulkProps<string>, "read" | "stop" | "onDone"> {
  readonly id: string;
}

/** How far an operation is. It goes on by itself, also when nobody looks. */
function Progress({ id, read, stop, onDone }: ProgressProps) {
  const { texts, format } = useApp();
  const t = texts.bulk;
  const { isBusy, run } = useDeed();
  const [hasEnded, setEnded] = useState(false);
  const options = hasEnded ? {} : { everyMs: RENEWED_EVERY_MS };
  const { value: operation, reload } = useLoad(`bulk ${id}`, look, options);

  async function look(signal: AbortSignal): Promise<BulkOperation> {
    const found = await read(id, signal);
    if (found.status !== "RUNNING" && !hasEnded) {
      setEnded(true);
      onDone();
    }
    return found;
  }
  if (operation === undefined) return null;
  const { status, done, total, outcomes } = operation;
  return (
    <div role="status">
      <p>{t.progress(t.statuses[status], format.number(done), format.number(total))}</p>
      <progress max={Math.max(total, done, 1)} value={done} aria-label={t.title} />
      <ul class="outcomes">
        {Object.entries(outcomes).map(([code, number]) => (
          <li key={code}>
            <span class={code === "DONE" ? "pill good" : "pill bad"}>{format.number(number)}</span>{" "}
            {code === "DONE" ? t.done : code}
          </li>
        ))}
      </ul>
      {status === "RUNNING" ? (
        <button
          type="button"
          class="button"
          disabled={isBusy}
          onClick={() => void run(async () => void (await stop(id))).then(reload)}
        >
          {t.stop}
        </button>
      ) : null}
    </div>
  );
}
