import { useState } from "preact/hooks";
import type { DeadLetter } from "@shop/contracts/http/dead-letter";
import { useApp } from "../app-state.ts";
import { Icon } from "../parts/icon.tsx";
import { legible } from "@shop/client/legible";
import { OpenSaga } from "./open-saga.tsx";
import { Replay } from "./replay.tsx";

interface DeadLetterCardProps {
  readonly letter: DeadLetter;
  onHandled(): void;
}

/** One message in a line; opened, why it could not be handled, what it says, and what can be done. */
export function DeadLetterCard({ letter, onHandled }: DeadLetterCardProps) {
  const { texts, format } = useApp();
  const t = texts.deadLetters;
  const { service, cause, detail, type, topic, failedAt, replayedAt } = letter;
  return (
    <li>
      <details class="letter">
        <summary class="row">
          <span class="row-what">
            <b>{type === null ? t.noType : legible(type)}</b>
            <span class="quiet">
              {texts.participants[service]} · {t.causes[cause]} · {format.day(failedAt)}
            </span>
          </span>
          <span class={replayedAt === null ? "pill bad" : "pill good"}>
            {replayedAt === null ? t.states.open : t.states.handled}
          </span>
          <Icon name="next" size={18} />
        </summary>
        <div class="letter-body">
          <pre class="reason" tabIndex={0} role="group" aria-label={t.reason}>
            {legible(detail)}
          </pre>
          <Facts letter={letter} />
          <Headers headers={letter.headers} />
          <Payload letter={letter} />
          <p class="quiet">{t.readFrom(topic, letter.partition, letter.offset)}</p>
          {replayedAt === null ? (
            <Replay letter={letter} onHandled={onHandled} />
          ) : (
            <p class="good-text">{t.handledAt(format.day(replayedAt))}</p>
          )}
        </div>
      </details>
    </li>
  );
}

function Facts({ letter: { key, messageId } }: { readonly letter: DeadLetter }) {
  const t = useApp().texts.deadLetters;
  return (
    <dl class="facts-list">
      <dt>{t.key}</dt>
      <dd class="mono">
        {key === null ? t.nothing : legible(key)}
        {key !== null && UUID.test(key) ? <OpenSaga orderId={key} class="quiet-button" /> : null}
      </dd>
      <dt>{t.messageId}</dt>
      <dd class="mono">{messageId === null ? t.nothing : legible(messageId)}</dd>
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
          <dt key={name}>{legible(name)}</dt>,
          <dd key={`${name} value`}>{legible(value)}</dd>,
        ])}
      </dl>
    </>
  );
}

function Payload({ letter: { payload } }: { readonly letter: DeadLetter }) {
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
        {legible(isRaw || parsed === undefined ? text : parsed)}
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
