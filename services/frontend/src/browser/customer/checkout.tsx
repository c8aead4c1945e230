import { useState } from "preact/hooks";
import { isProblem, NoAnswerError, ProblemError } from "@shop/client/problem-error";
import { accountPath } from "../addresses.ts";
import { useApp } from "../app-state.ts";
import { newOrderKey, orderKey, wasSent } from "../cart.ts";
import type { CartLine, CartProduct } from "../kept.ts";
import { Form, Input } from "../parts/form.tsx";
import { Link } from "../parts/link.tsx";
import { fieldError } from "../parts/states.tsx";
import { rememberAddress, rememberedAddress } from "../personal.ts";
import { navigate, pathTo } from "../router.ts";
import { shop } from "../shop.ts";
import { type Offer, offerOf, totalOf } from "./offer.ts";
import { OfferDialog } from "./offer-dialog.tsx";

/** For how long an order waits to hear what has changed meanwhile, in milliseconds: the shop takes orders while its products cannot be read. */
const LOOK_WITHIN_MS = 2_000;

interface CheckoutProps {
  /** What the page shows: an order is placed at its total or not at all. */
  readonly lines: readonly CartLine[];
  /** Shows what the shop has now. */
  onChange(): void;
}

export function Checkout(props: CheckoutProps) {
  const { texts, user, isSettled } = useApp();
  const t = texts.cart;
  if (user === undefined) {
    return isSettled ? (
      <Link to={accountPath("signIn")} class="button primary wide">
        {t.signInFirst}
      </Link>
    ) : null;
  }
  if (user.role !== "customer") return <p class="quiet">{t.notFor}</p>;
  return <CheckoutForm userId={user.id} {...props} />;
}

function CheckoutForm({ userId, lines, onChange }: CheckoutProps & { readonly userId: string }) {
  const { texts, setCart } = useApp();
  const t = texts.cart;
  const [deliveryAddress, setAddress] = useState(() => rememberedAddress(userId));
  const [offer, setOffer] = useState<Offer>();

  async function placeOrder(): Promise<void> {
    setOffer(undefined);
    // An order that may have been placed already is sent as it was: the shop knows.
    const found = wasSent() ? undefined : offerOf(lines, await readProducts(lines));
    if (found !== undefined && found.changes.length > 0) setOffer(found);
    else await send(lines);
  }

  async function send(ordered: readonly CartLine[]): Promise<void> {
    const items = ordered.map(({ product, quantity }) => ({ productId: product.id, quantity }));
    const body = { items, deliveryAddress: deliveryAddress.trim(), expectedTotal: totalOf(ordered) };
    rememberAddress(userId, body.deliveryAddress);
    const mayBePlaced = wasSent();
    try {
      const order = await shop.createOrder(body, { idempotencyKey: orderKey() });
      setCart([]);
      navigate(pathTo("order", order.id));
    } catch (error) {
      if (isAnotherOrder(error, mayBePlaced)) newOrderKey();
      const changed = offerAfter(error, ordered);
      if (changed === undefined) throw error;
      setOffer(changed);
    }
  }

  async function accept({ lines: accepted }: Offer): Promise<void> {
    setOffer(undefined);
    setCart(accepted);
    if (accepted.length > 0) await send(accepted);
  }

  return (
    <Form label={t.order} busyLabel={t.ordering} send={placeOrder}>
      {(error, run) => (
        <>
          <Input
            label={t.address}
            hint={t.addressHint}
            error={fieldError(texts, error, "deliveryAddress")}
            name="deliveryAddress"
            autoComplete="street-address"
            required
            maxLength={500}
            value={deliveryAddress}
            onValue={setAddress}
          />
          {error instanceof NoAnswerError ? <p class="hint">{t.unsure}</p> : null}
          {offer === undefined ? null : (
            <OfferDialog
              shown={lines}
              offer={offer}
              onAccept={() => void run(() => accept(offer))}
              onClose={() => {
                setOffer(undefined);
                onChange();
              }}
            />
          )}
        </>
      )}
    </Form>
  );
}

/** The products as they are now, as far as the shop tells in time. */
async function readProducts(lines: readonly CartLine[]): Promise<ReadonlyMap<string, CartProduct | undefined>> {
  const signal = AbortSignal.timeout(LOOK_WITHIN_MS);
  const found = new Map<string, CartProduct | undefined>();
  await Promise.all(
    lines.map(async ({ product: { id } }) => {
      try {
        found.set(id, await shop.getProduct(id, { signal }));
      } catch (error) {
        // What cannot be read now is ordered as it was shown, at that price or not at all.
        if (isProblem(error, "NOT_FOUND")) found.set(id, undefined);
      }
    }),
  );
  return found;
}

/** What the shop would take in place of an order that it has refused for a price or a product. */
function offerAfter(error: unknown, ordered: readonly CartLine[]): Offer | undefined {
  if (!(error instanceof ProblemError)) return undefined;
  const { problem } = error;
  const byId = new Map(ordered.map(({ product }) => [product.id, product]));
  const now = new Map<string, CartProduct | undefined>();
  if (problem.code === "PRICE_CHANGED") {
    for (const { productId, unitPrice } of problem.items) {
      const product = byId.get(productId);
      if (product !== undefined) now.set(productId, { ...product, price: unitPrice });
    }
  } else if (problem.code === "UNKNOWN_PRODUCT") {
    for (const { path } of problem.errors ?? []) {
      const line = ordered[Number(/^items\.(\d+)\./.exec(path)?.[1])];
      if (line !== undefined) now.set(line.product.id, undefined);
    }
  }
  const offer = offerOf(ordered, now);
  return offer.changes.length > 0 ? offer : undefined;
}

/**
 * Whether an order that is sent after this answer is another one than was sent: the first is known to have been placed, or not to have been.
 * @param mayBePlaced whether an earlier attempt was sent, whose answer is not known
 */
function isAnotherOrder(error: unknown, mayBePlaced: boolean): boolean {
  if (!(error instanceof ProblemError)) return false;
  switch (error.problem.code) {
    // The shop looks for an order with this key before anything of it can be refused.
    case "IDEMPOTENCY_KEY_REUSED":
    case "PRICE_CHANGED":
    case "TOO_MANY_OPEN_ORDERS":
    case "UNKNOWN_PRODUCT":
      return true;
    default:
      return !mayBePlaced && error.problem.status < 500;
  }
}
