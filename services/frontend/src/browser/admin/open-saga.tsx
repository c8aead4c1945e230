import type { ComponentChildren } from "preact";
import { useApp } from "../app-state.ts";
import { useDeed } from "../attempt.ts";
import { shortId } from "../format.ts";
import { navigate, pathTo } from "../router.ts";
import { shop } from "../shop.ts";

interface OpenSagaProps {
  readonly orderId: string;
  readonly class: string;
  /** What stands on it; by default that it opens the saga. */
  readonly children?: ComponentChildren;
}

/** Goes from an order to its saga, which has an id of its own. */
export function OpenSaga({ orderId, class: kind, children }: OpenSagaProps) {
  const { texts, announce } = useApp();
  const { isBusy, run } = useDeed();

  async function open(): Promise<void> {
    const [saga] = (await shop.listSagas({ orderId })).items;
    if (saga === undefined) announce(texts.admin.noSagaYet);
    else navigate(pathTo("saga", saga.id));
  }

  return (
    <button type="button" class={kind} disabled={isBusy} onClick={() => void run(open)}>
      {children ?? (
        <>
          {texts.admin.openSaga}
          <span class="unseen">: {texts.orders.order(shortId(orderId))}</span>
        </>
      )}
    </button>
  );
}
