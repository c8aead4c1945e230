import { useState } from "preact/hooks";
import type { DeadLetter } from "@shop/contracts/http/dead-letter";
import { useApp } from "../app-state.ts";
import { Icon } from "../parts/icon.tsx";
import { escapeInvisible } from "@shop/client/escape-invisible";
import { Link } from "../parts/link.tsx";
import { pathTo } from "../router.ts";
import { Replay } from "./replay.tsx";

interface DeadLetterCardProps {
  readonly deadLetter: DeadLetter;
  /** Those of its key that wait behind it, in the order in which they came. */
  readonly parked: readonly DeadLetter[];
  onHandled(): void;
  /** Asks for all of a key. */
  onKey(key: string): void;
}

/** One message in a line; opened, why it could not be handled, what it says, and what can be done. */
export function DeadLetterCard({ deadLetter, parked, onHandled, onKey }: DeadLetterCardProps) {
  const { texts, format } = useApp();
  const t = texts.deadLetters;
  const { service, cause, detail, type, topic, failedAt, replayedAt } = deadLetter;
  return (
    <li>
      <details class="dead-letter">
        <summary class="row">
          <span class="row-what">
            <b>{type === null ? t.noType : escapeInvisible(type)}</b>
            <span class="quiet">
              {texts.participants[service]} · {t.causes[cause]} · {format.day(failedAt)}
              {parked.length === 0 ? null : ` · ${t.waitBehind(parked.length)}`}
            </span>
          </span>
          <span class={replayedAt === null ? "pill bad" : "pill good"}>
            {replayedAt === null ? t.states.open : t.states.handled}
          </span>
          <Icon name="next" size={18} />
        </summary>
        <div class="dead-letter-body">
          <pre class="reason" tabIndex={0} role="group" aria-label={t.reason}>
            {escapeInvisible(detail)}
          </pre>
          <Facts deadLetter={deadLetter} />
          <Headers headers={deadLetter.headers} />
          <Payload deadLetter={deadLetter} />
          <p class="quiet">{t.readFrom(topic, deadLetter.partition, deadLetter.offset)}</p>
          <Parked deadLetters={parked} />
          {replayedAt === null ? (
            <WhatToDo deadLetter={deadLetter} onHandled={onHandled} onKey={onKey} />
          ) : (
            <p class="good-text">{t.handledAt(format.day(replayedAt))}</p>
          )}
        </div>
      </details>
    </li>
  );
}

function Parked({ deadLetters }: { readonly deadLetters: readonly DeadLetter[] }) {
  const { texts, format } = useApp();
  if (deadLetters.length === 0) return null;
  return (
    <>
      <h3>{texts.deadLetters.behindIt}</h3>
      <ol class="parked">
        {deadLetters.map(({ id, type, failedAt }) => (
          <li key={id}>
            {escapeInvisible(type ?? "")} <span class="quiet">{format.time(failedAt)}</span>
          </li>
        ))}
      </ol>
    </>
  );
}

/** One that waits behind another goes with that one; any other can be handled. */
function WhatToDo({ deadLetter, onHandled, onKey }: Omit<DeadLetterCardProps, "parked">) {
  const t = useApp().texts.deadLetters;
  const { cause, key } = deadLetter;
  if (cause !== "PARKED" || key === null) return <Replay deadLetter={deadLetter} onHandled={onHandled} />;
  return (
    <div class="actions">
      <p class="quiet">{t.goesWithHead}</p>
      <button type="button" class="button" onClick={() => onKey(key)}>
        {t.showHead}
      </button>
    </div>
  );
}

function Facts({ deadLetter: { key, messageId } }: { readonly deadLetter: DeadLetter }) {
  const { texts } = useApp();
  const t = texts.deadLetters;
  return (
    <dl class="facts-list">
      <dt>{t.key}</dt>
      <dd class="mono">
        {key === null ? t.nothing : escapeInvisible(key)}{" "}
        {key !== null && UUID.test(key) ? <Link to={pathTo("adminOrder", key)}>{texts.admin.openOrder}</Link> : null}
      </dd>
      <dt>{t.messageId}</dt>
      <dd class="mono">{messageId === null ? t.nothing : escapeInvisible(messageId)}</dd>
    </dl>
  );
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/;

function Headers({ headers }: { readonly headers: DeadLetter["headers"] }) {
  const t = useApp().texts.deadLetters;
  const entries = Object.entries(headers);
  if (entries.length === 0) return null;
  return (
    <>
      <h3>{t.headers}</h3>
      <dl class="facts-list mono">
        {entries.map(([name, value]) => [
          <dt key={name}>{escapeInvisible(name)}</dt>,
          <dd key={`${name} value`}>{escapeInvisible(value)}</dd>,
        ])}
      </dl>
    </>
  );
}

function Payload({ deadLetter: { payload } }: { readonly deadLetter: DeadLetter }) {
  const { texts, format } = useApp();
  const t = texts.deadLetters;
  const [isRaw, setRaw] = useState(false);
  if (payload === null) {
    return (
      <>
        <h3>{t.payload}</h3>
        <p class="quiet">{t.noPayload}</p>
      </>
    );
  }
  const { text, encoding, bytes } = payload;
  const parsed = encoding === "utf-8" ? indented(text) : undefined;
  const shownBytes = encoding === "base64" ? Math.floor((text.length * 3) / 4) : new TextEncoder().encode(text).length;
  return (
    <>
      <h3>
        {t.payload} <span class="quiet">{t.bytes(format.number(bytes))}</span>
      </h3>
      {encoding === "base64" ? <p class="hint">{t.notText}</p> : null}
      {shownBytes < bytes - 2 ? <p class="hint">{t.beginning}</p> : null}
      <pre tabIndex={0} role="group" aria-label={t.payload}>
        {escapeInvisible(isRaw || parsed === undefined ? text : parsed)}
      </pre>
      {parsed === undefined ? null : (
        <label class="check">
          <input type="checkbox" checked={isRaw} onChange={() => setRaw(!isRaw)} />
          {t.asReceived}
        </label>
      )}
    </>
  );
}

/** JSON as people read it; undefined for what is none. */
function indented(text: string): string | undefined {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
