import { useState } from "preact/hooks";
import { escapeInvisible } from "@shop/client/escape-invisible";
import type { Webhook, WebhookDelivery, WebhookDeliveryState, WebhookEventType } from "@shop/contracts/http/webhook";
import { useApp } from "../app-state.ts";
import { useDeed } from "../attempt.ts";
import { shortId } from "../format.ts";
import { usePages } from "../load.ts";
import { Dialog } from "../parts/dialog.tsx";
import { Form, Input } from "../parts/form.tsx";
import { Link } from "../parts/link.tsx";
import { PagedList } from "../parts/paged-list.tsx";
import { Question } from "../parts/question.tsx";
import { Empty, fieldError, Skeleton } from "../parts/states.tsx";
import { usePageTitle } from "../parts/title.ts";
import { Written } from "../parts/written.tsx";
import { pathTo } from "../router.ts";
import { shop } from "../shop.ts";
import { Select } from "./select.tsx";

type Asked =
  | { readonly kind: "new" }
  | { readonly kind: "edit"; readonly webhook: Webhook }
  | { readonly kind: "secret"; readonly secret: string }
  | { readonly kind: "remove"; readonly webhook: Webhook };

const RENEWED_EVERY_MS = 5_000;

/** Addresses that are told what happens to orders, and what they were told. */
export function WebhooksPage() {
  const { texts } = useApp();
  const t = texts.webhooks;
  usePageTitle(texts.nav.webhooks);
  const [asked, setAsked] = useState<Asked>();
  const [opened, setOpened] = useState<string>();
  const loaded = usePages("webhooks", (cursor, signal) => shop.listWebhooks({ limit: 30, cursor }, { signal }), {
    everyMs: RENEWED_EVERY_MS,
  });
  const close = () => setAsked(undefined);
  function changed(secret?: string): void {
    setAsked(secret === undefined ? undefined : { kind: "secret", secret });
    loaded.reload();
  }

  return (
    <>
      <header class="page-head spread">
        <h1>{texts.nav.webhooks}</h1>
        <button type="button" class="button primary" onClick={() => setAsked({ kind: "new" })}>
          {t.add}
        </button>
      </header>
      <p class="lead">{t.lead}</p>
      <PagedList loaded={loaded} skeleton={<Skeleton rows={3} />} empty={<Empty title={t.none} text={t.noneText} />}>
        {(webhooks) => (
          <ul class="rows card">
            {webhooks.map((webhook) => (
              <WebhookRow
                key={webhook.id}
                webhook={webhook}
                isOpen={opened === webhook.id}
                onOpen={() => setOpened(opened === webhook.id ? undefined : webhook.id)}
                onAsk={setAsked}
                onChanged={changed}
              />
            ))}
          </ul>
        )}
      </PagedList>
      {asked?.kind === "new" ? (
        <Dialog title={t.add} onClose={close}>
          <WebhookForm onDone={changed} />
        </Dialog>
      ) : null}
      {asked?.kind === "edit" ? (
        <Dialog title={t.edit} onClose={close}>
          <WebhookForm webhook={asked.webhook} onDone={changed} />
        </Dialog>
      ) : null}
      {asked?.kind === "secret" ? (
        <Dialog title={t.secretTitle} onClose={close}>
          <p>{t.secretText}</p>
          <p class="one-time-code">
            <code>{asked.secret}</code>
          </p>
          <div class="dialog-actions">
            <button type="button" class="button primary" onClick={close}>
              {t.secretDone}
            </button>
          </div>
        </Dialog>
      ) : null}
      {asked?.kind === "remove" ? <RemoveQuestion webhook={asked.webhook} onNo={close} onDone={changed} /> : null}
    </>
  );
}

interface WebhookRowProps {
  readonly webhook: Webhook;
  readonly isOpen: boolean;
  onOpen(): void;
  onAsk(asked: Asked): void;
  onChanged(): void;
}

function WebhookRow({ webhook, isOpen, onOpen, onAsk, onChanged }: WebhookRowProps) {
  const { texts, format, announce } = useApp();
  const t = texts.webhooks;
  const { isBusy, run } = useDeed();
  const { id, url, description, events, enabled, pending, dead } = webhook;
  const replay = () =>
    run(async () => {
      const { replayed } = await shop.replayWebhook(id, {});
      announce(t.replayed(replayed));
      onChanged();
    });
  const named = <span class="unseen">: {escapeInvisible(url)}</span>;
  return (
    <li class="row product-row webhook-row">
      <span class="row-what">
        <b>
          <Written>{escapeInvisible(url)}</Written>
        </b>
        <span class="quiet">
          {events.map((event) => t.events[event]).join(" · ")}
          {description === "" ? null : (
            <>
              {" · "}
              <Written>{description}</Written>
            </>
          )}
        </span>
      </span>
      {enabled ? null : <span class="pill">{t.disabled}</span>}
      {pending === 0 ? null : <span class="pill busy">{t.pending(format.number(pending))}</span>}
      {dead === 0 ? null : <span class="pill bad">{t.dead(format.number(dead))}</span>}
      <span class="row-actions">
        {dead === 0 ? null : (
          <button type="button" class="button small primary" disabled={isBusy} onClick={() => void replay()}>
            {t.replay}
            {named}
          </button>
        )}
        <button type="button" class="button small" aria-expanded={isOpen} onClick={onOpen}>
          {t.told}
          {named}
        </button>
        <button type="button" class="button small" onClick={() => onAsk({ kind: "edit", webhook })}>
          {t.change}
          {named}
        </button>
        <button type="button" class="button small danger" onClick={() => onAsk({ kind: "remove", webhook })}>
          {t.remove}
          {named}
        </button>
      </span>
      {isOpen ? <Deliveries webhookId={id} /> : null}
    </li>
  );
}

const PILLS: Readonly<Record<WebhookDeliveryState, string>> = {
  PENDING: "pill busy",
  DELIVERED: "pill good",
  DEAD: "pill bad",
};

/** What a webhook was told and is to be told, newest first. */
function Deliveries({ webhookId }: { readonly webhookId: string }) {
  const { texts } = useApp();
  const t = texts.webhooks;
  const [state, setState] = useState<WebhookDeliveryState | "">("");
  const loaded = usePages(
    `webhook ${webhookId} ${state}`,
    (cursor, signal) =>
      shop.listWebhookDeliveries(webhookId, { state: state || undefined, limit: 20, cursor }, { signal }),
    { everyMs: RENEWED_EVERY_MS },
  );
  return (
    <section class="webhook-deliveries" aria-label={t.told}>
      <div class="filters">
        <Select label={texts.admin.status} value={state} options={t.states} onChange={(value) => setState(value)} />
      </div>
      <PagedList loaded={loaded} skeleton={<Skeleton rows={2} />} empty={<p class="quiet">{t.nothingTold}</p>}>
        {(deliveries) => (
          <ul class="rows">
            {deliveries.map((delivery) => (
              <DeliveryRow key={delivery.id} delivery={delivery} />
            ))}
          </ul>
        )}
      </PagedList>
    </section>
  );
}

function DeliveryRow({ delivery }: { readonly delivery: WebhookDelivery }) {
  const { texts, format } = useApp();
  const t = texts.webhooks;
  const { type, orderId, state, at, attempts, nextAttemptAt, lastError } = delivery;
  return (
    <li class="row product-row">
      <span class="row-what">
        <span>
          {t.events[type]} · <Link to={pathTo("adminOrder", orderId)}>{shortId(orderId)}</Link>
        </span>
        <span class="quiet">
          {format.time(at)} · {t.attempts(attempts)}
          {nextAttemptAt === null ? null : ` · ${t.next(format.time(nextAttemptAt))}`}
        </span>
        {lastError === null ? null : (
          <span class="quiet">
            <Written>{escapeInvisible(lastError)}</Written>
          </span>
        )}
      </span>
      <span class={PILLS[state]}>{t.states[state]}</span>
    </li>
  );
}

interface WebhookFormProps {
  readonly webhook?: Webhook;
  /** @param secret that was given, to be shown this once */
  onDone(secret?: string): void;
}

function WebhookForm({ webhook, onDone }: WebhookFormProps) {
  const { texts, announce } = useApp();
  const t = texts.webhooks;
  const [url, setUrl] = useState(webhook?.url ?? "");
  const [description, setDescription] = useState(webhook?.description ?? "");
  const [enabled, setEnabled] = useState(webhook?.enabled ?? true);
  const all = Object.keys(t.events) as WebhookEventType[];
  const [events, setEvents] = useState<readonly WebhookEventType[]>(webhook?.events ?? all);

  async function send(): Promise<void> {
    const facts = { url: url.trim(), description: description.trim(), events: [...events] };
    if (webhook === undefined) return onDone((await shop.createWebhook(facts)).secret);
    await shop.changeWebhook(webhook.id, { ...facts, enabled });
    announce(texts.admin.saved);
    onDone();
  }

  return (
    <Form label={webhook === undefined ? t.add : texts.admin.save} busyLabel={texts.loading} send={send}>
      {(error, run) => (
        <>
          <Input
            label={t.url}
            hint={t.urlHint}
            error={fieldError(texts, error, "url")}
            name="webhook-url"
            autoComplete="off"
            autoCapitalize="none"
            spellcheck={false}
            required
            value={url}
            onValue={setUrl}
          />
          <Input
            label={`${t.description} (${texts.account.optional})`}
            error={fieldError(texts, error, "description")}
            autoComplete="off"
            value={description}
            onValue={setDescription}
          />
          <fieldset class="checks">
            <legend>{t.eventsTitle}</legend>
            {all.map((event) => (
              <label key={event} class="check">
                <input
                  type="checkbox"
                  checked={events.includes(event)}
                  onChange={() => setEvents(all.filter((other) => (other === event) !== events.includes(other)))}
                />
                <span>
                  {t.events[event]} <code>{event}</code>
                </span>
              </label>
            ))}
          </fieldset>
          {webhook === undefined ? null : (
            <>
              <label class="check">
                <input type="checkbox" checked={!enabled} onChange={() => setEnabled(!enabled)} />
                {t.disable}
              </label>
              <button
                type="button"
                class="button"
                onClick={() => void run(async () => onDone((await shop.renewWebhookSecret(webhook.id)).secret))}
              >
                {t.renewSecret}
              </button>
            </>
          )}
        </>
      )}
    </Form>
  );
}

interface RemoveQuestionProps {
  readonly webhook: Webhook;
  onNo(): void;
  onDone(): void;
}

function RemoveQuestion({ webhook, onNo, onDone }: RemoveQuestionProps) {
  const { texts, announce } = useApp();
  const t = texts.webhooks;
  const { isBusy, run } = useDeed();
  return (
    <Question
      title={t.removeTitle}
      text={t.removeText(escapeInvisible(webhook.url))}
      yes={t.remove}
      no={t.keep}
      isBusy={isBusy}
      onNo={onNo}
      onYes={() =>
        void run(async () => {
          await shop.removeWebhook(webhook.id);
          announce(t.removed);
          onDone();
        })
      }
    />
  );
}
