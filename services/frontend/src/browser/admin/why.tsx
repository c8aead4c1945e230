import { escapeInvisible } from "@shop/client/escape-invisible";
import type { OrderAction, OrderExplanation, OrderPart, Verdict } from "@shop/contracts/http/why";
import { useApp } from "../app-state.ts";
import { shortId } from "../format.ts";
import { useLoad } from "../load.ts";
import { Icon } from "../parts/icon.tsx";
import { Link } from "../parts/link.tsx";
import { Skeleton, WhenLoaded } from "../parts/states.tsx";
import { pathTo } from "../router.ts";
import { shop } from "../shop.ts";

type Tone = "good" | "warn" | "bad" | "busy";

const TONES: Readonly<Record<Verdict, Tone>> = {
  COMPLETE: "good",
  CANCELLED: "good",
  IN_PROGRESS: "busy",
  WAITS_FOR_RIDER: "busy",
  WITH_RIDER: "busy",
  NOT_STARTED: "warn",
  SERVICE_BEHIND: "warn",
  NO_ANSWER: "warn",
  SERVICE_IMPAIRED: "bad",
  SERVICE_DOWN: "bad",
  DEAD_LETTER: "bad",
  SAGA_CANNOT_GO_ON: "bad",
};

/** All services are asked each time. */
const RENEWED_EVERY_MS = 5_000;

/**
 * Why an order stands where it stands, as each service sees it.
 * @param news how the order is seen to stand beside it: when that changes, so does this
 */
export function WhyOfOrder({ orderId, news }: { readonly orderId: string; readonly news?: string }) {
  const read = (signal: AbortSignal) => shop.explainOrder(orderId, { signal });
  const loaded = useLoad(`why ${orderId}`, read, {
    everyMs: RENEWED_EVERY_MS,
    ...(news === undefined ? {} : { news }),
  });
  return (
    <WhenLoaded loaded={loaded} skeleton={<Skeleton rows={3} />}>
      {(explanation) => <WhyCard explanation={explanation} />}
    </WhenLoaded>
  );
}

/** In words: what an order waits for, since when, what comes next, and who can do something about it. */
function WhyCard({ explanation }: { readonly explanation: OrderExplanation }) {
  const { texts, format } = useApp();
  const t = texts.why;
  const { orderId, verdict, isStuck, service, message, since, next, actions, traceId, traceUrl, services } =
    explanation;
  const tone = isStuck ? "bad" : TONES[verdict];
  const name = service === null ? "" : texts.participants[service];
  return (
    <section class="card why" aria-labelledby="why">
      <h2 id="why">{t.title}</h2>
      <p class={`notice ${tone}`}>
        <Icon name={tone === "good" ? "check" : tone === "busy" ? "sagas" : "alert"} />
        <span>{t.verdicts[verdict](name, escapeInvisible(message ?? t.aMessage))}</span>
      </p>
      <dl class="facts-list">
        <dt>{texts.admin.orderId}</dt>
        <dd class="mono">
          {orderId} <Link to={`${pathTo("deadLetters")}?key=${orderId}`}>{texts.admin.itsDeadLetters}</Link>
        </dd>
        {since === null ? null : (
          <>
            <dt>{t.since}</dt>
            <dd>
              {format.day(since)} ({format.ago(since, Date.now())})
            </dd>
          </>
        )}
        {next === null ? null : (
          <>
            <dt>{t.next}</dt>
            <dd>{t.sentAgain(format.time(next.at), next.attempt)}</dd>
          </>
        )}
        {next === null || next.deadline === null ? null : (
          <>
            <dt>{texts.admin.deadline}</dt>
            <dd>{format.day(next.deadline)}</dd>
          </>
        )}
        {traceId === null ? null : (
          <>
            <dt>{t.trace}</dt>
            <dd class="mono">
              {traceUrl === null ? (
                traceId
              ) : (
                <a href={traceUrl} target="_blank" rel="noreferrer">
                  {traceId}
                </a>
              )}
            </dd>
          </>
        )}
      </dl>
      <h3>{t.who}</h3>
      {actions.length === 0 ? (
        <p class="quiet">{t.nobody}</p>
      ) : (
        <ul class="why-list">
          {actions.map((action) => (
            <li key={`${action.who} ${action.action}`}>
              <ActionLine action={action} orderId={orderId} />
            </li>
          ))}
        </ul>
      )}
      <h3>{t.services}</h3>
      <ul class="why-list">
        {services.map((part) => (
          <li key={part.service}>
            <b>{texts.participants[part.service]}</b> <PartLine part={part} />
          </li>
        ))}
      </ul>
    </section>
  );
}

/** Who can do what, with the way there where a page has one. */
function ActionLine({ action: { who, action, target }, orderId }: { readonly action: OrderAction; orderId: string }) {
  const { texts } = useApp();
  const t = texts.why;
  const words = t.actions[action](isService(target) ? texts.participants[target] : shortId(target));
  const to = {
    START_SERVICE: pathTo("health"),
    LOOK_AT_SERVICE: pathTo("health"),
    REPLAY_DEAD_LETTER: `${pathTo("deadLetters")}?key=${orderId}`,
    RELEASE_CLAIM: pathTo("deliveries"),
  }[action as string];
  return (
    <>
      {t.people[who]}: {to === undefined ? words : <Link to={to}>{words}</Link>}
    </>
  );
}

const isService = (target: string): target is OrderPart["service"] =>
  target === "order" || target === "product" || target === "delivery" || target === "orchestrator";

function PartLine({ part }: { readonly part: OrderPart }) {
  const { texts, format } = useApp();
  const t = texts.why;
  if (part.status === "DOWN") return <span class="bad-text">{t.silent(part.detail)}</span>;
  const { problems, unsent, lag, deadLetters } = part;
  return (
    <>
      {problems.length === 0 ? null : <span class="bad-text">{problems.join("; ")} · </span>}
      <span class="quiet">
        {t.waiting(format.number(unsent), lag === null ? texts.health.unknown : format.number(lag), deadLetters.length)}
      </span>
    </>
  );
}
