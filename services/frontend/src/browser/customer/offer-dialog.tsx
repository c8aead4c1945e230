import { useApp } from "../app-state.ts";
import type { CartLine } from "../kept.ts";
import { Dialog } from "../parts/dialog.tsx";
import { Tile } from "../parts/tile.tsx";
import { Written } from "../parts/written.tsx";
import { type CartChange, type Offer, totalOf } from "./offer.ts";

interface OfferDialogProps {
  readonly shown: readonly CartLine[];
  readonly offer: Offer;
  onAccept(): void;
  onClose(): void;
}

/** Says in what an order would differ from what was shown, and asks before it is placed. */
export function OfferDialog({ shown, offer: { lines, changes }, onAccept, onClose }: OfferDialogProps) {
  const { texts, format } = useApp();
  const t = texts.cart;
  const currency = shown[0]?.product.currency ?? "KRW";
  return (
    <Dialog title={t.changed} onClose={onClose}>
      <ul class="bought">
        {changes.map((change) => (
          <li key={`${change.product.id} ${change.kind}`}>
            <Tile id={change.product.id} small />
            <span>
              <Written>{change.product.name}</Written>
              <small class={change.kind === "price" ? "quiet" : "bad-text"}>
                <ChangeText change={change} />
              </small>
            </span>
          </li>
        ))}
      </ul>
      <p class="sum">
        <span>{t.total}</span>
        <span>
          <del class="quiet">{format.money(totalOf(shown), currency)}</del>{" "}
          <b>{format.money(totalOf(lines), currency)}</b>
        </span>
      </p>
      <div class="dialog-actions">
        <button type="button" class="button" onClick={onClose}>
          {t.notNow}
        </button>
        <button type="button" class="button primary" onClick={onAccept}>
          {lines.length === 0 ? t.emptyIt : t.orderFor(format.money(totalOf(lines), currency))}
        </button>
      </div>
    </Dialog>
  );
}

function ChangeText({ change }: { readonly change: CartChange }) {
  const { texts, format } = useApp();
  const t = texts.cart;
  const { product } = change;
  switch (change.kind) {
    case "price":
      return (
        <>
          {t.price} <del>{format.money(change.was, product.currency)}</del>{" "}
          <ins>{format.money(product.price, product.currency)}</ins>
        </>
      );
    case "fewer":
      return <>{t.onlyLeft(format.number(product.stock), format.number(change.was))}</>;
    case "gone":
      return <>{t.isRemoved.gone}</>;
    case "soldOut":
      return <>{t.isRemoved.soldOut}</>;
    default:
      return change satisfies never;
  }
}
