import { useEffect, useRef, useState } from "preact/hooks";
import { ProblemError } from "@shop/client/problem-error";
import type { Order } from "@shop/contracts/http/order";
import { useApp } from "../app-state.ts";
import { useDeed } from "../attempt.ts";
import { shortId } from "../format.ts";
import { useLoad } from "../load.ts";
import { OrderPill } from "../parts/pills.tsx";
import { Question } from "../parts/question.tsx";
import { ErrorNotice, Skeleton } from "../parts/states.tsx";
import { Tile } from "../parts/tile.tsx";
import { usePageTitle } from "../parts/title.ts";
import { Written } from "../parts/written.tsx";
import { shop } from "../shop.ts";
import { whileSeen } from "../streams.ts";
import { Timeline } from "./timeline.tsx";
import { type OrderMoment, withMoment } from "./moments.ts";

const ASKED_EVERY_MS = 2_000;
/** Events are counted from 1: anyone who has seen none gets the order's whole way, with its times. */
const BEFORE_THE_FIRST = 0;

/** One order, which moves on the screen as its saga moves. */
export function OrderPage({ id }: { readonly id: string }) {
  const { texts, format } = useApp();
  const t = texts.order;
  usePageTitle(texts.orders.order(shortId(id)));
  const [isLive, setLive] = useState(false);
  const [moments, setMoments] = useState<readonly OrderMoment[]>([]);
  // Events bring the news; while they cannot come, the order is asked for.
  const hasEnded = moments.some(({ progress }) => progress === "COMPLETE" || progress === "CANCELLED");
  const options = isLive || hasEnded ? {} : { everyMs: ASKED_EVERY_MS };
  const { value: order, error, reload, replace } = useLoad(id, readOrder, options);
  const isKnown = order !== undefined;

  /** The order of the last event. */
  const told = useRef<Order | undefined>(undefined);

  /** The answer of a call, or what an event has told since it was made: events may overtake an answer, and bring all that comes after them. */
  async function newest(call: Promise<Order>): Promise<Order> {
    const before = told.current;
    const answer = await call;
    return told.current === undefined || told.current === before || told.current.id !== id ? answer : told.current;
  }

  async function readOrder(signal: AbortSignal): Promise<Order> {
    const read = await newest(shop.getOrder(id, { signal }));
    setMoments((known) => withMoment(known, read));
    return read;
  }

  /**
   * A refusal ends it: what is the matter shows when the order is asked for.
   * @param resumed the id of the last event, which the next call goes on after
   */
  async function follow(signal: AbortSignal, resumed: { lastEventId: number }): Promise<void> {
    const watching = { ...resumed, signal, breaks: Number.POSITIVE_INFINITY, onConnection: setLive };
    try {
      for await (const event of shop.watchOrder(id, watching)) {
        resumed.lastEventId = event.id;
        told.current = event.order;
        replace(() => event.order);
        setMoments((known) => withMoment(known, event.order));
        if (event.order.status !== "PENDING") return;
      }
    } catch (failure) {
      if (!signal.aborted && !(failure instanceof ProblemError)) throw failure;
    } finally {
      setLive(false);
    }
  }

  useEffect(() => {
    if (!isKnown) return;
    const leaving = new AbortController();
    const resumed = { lastEventId: BEFORE_THE_FIRST };
    void whileSeen(leaving.signal, (signal) => follow(signal, resumed));
    return () => leaving.abort();
  }, [id, isKnown]);

  if (order === undefined) {
    return error === undefined ? <Skeleton rows={4} /> : <ErrorNotice error={error} onRetry={reload} />;
  }
  async function cancel(): Promise<void> {
    const answer = await newest(shop.cancelOrder(id));
    replace(() => answer);
  }
  return (
    <>
      <header class="page-head">
        <h1>{texts.orders.order(shortId(id))}</h1>
        <OrderPill order={order} />
        {hasEnded ? null : (
          <span class={isLive ? "live" : "live lost"} role="status">
            {isLive ? t.live : error === undefined ? t.asking : t.reconnecting}
          </span>
        )}
      </header>
      <div class="two-columns">
        <section class="card" aria-label={t.timeline}>
          <Timeline order={order} moments={moments} />
          {hasEnded ? null : <CancelButton order={order} onCancel={cancel} />}
        </section>
        <aside class="card">
          <h2>{t.items}</h2>
          <ul class="bought">
            {order.items.map(({ productId, name, unitPrice, quantity }) => (
              <li key={productId}>
                <Tile id={productId} small />
                <span>
                  <Written>{name}</Written>
                  <small class="quiet">
                    {format.number(quantity)} × {format.money(unitPrice, order.currency)}
                  </small>
                </span>
                <b>{format.money(unitPrice * quantity, order.currency)}</b>
              </li>
            ))}
          </ul>
          <p class="sum">
            <span>{t.total}</span>
            <b>{format.money(order.total, order.currency)}</b>
          </p>
          <dl class="facts-list">
            <dt>{t.address}</dt>
            <dd>
              <Written>{order.deliveryAddress}</Written>
            </dd>
            <dt>{t.placedAt}</dt>
            <dd>{format.day(order.createdAt)}</dd>
          </dl>
        </aside>
      </div>
    </>
  );
}

interface CancelButtonProps {
  readonly order: Order;
  onCancel(): Promise<void>;
}

function CancelButton({ order, onCancel }: CancelButtonProps) {
  const { texts, announce } = useApp();
  const t = texts.order;
  const [isAsking, setAsking] = useState(false);
  const { isBusy, run } = useDeed();

  async function cancel(): Promise<void> {
    await run(async () => {
      await onCancel();
      announce(t.cancelAsked);
    });
    setAsking(false);
  }

  if (order.progress === "CANCELLING" || order.progress === "DELIVERED") return null;
  return (
    <>
      <button type="button" class="button danger" onClick={() => setAsking(true)}>
        {t.cancel}
      </button>
      {isAsking && (
        <Question
          title={t.cancelTitle}
          text={t.cancelText}
          yes={t.cancelYes}
          no={t.cancelNo}
          isBusy={isBusy}
          onYes={() => void cancel()}
          onNo={() => setAsking(false)}
        />
      )}
    </>
  );
}
