import { useApp } from "../app-state.ts";
import { shortId } from "../format.ts";
import { useLoad } from "../load.ts";
import { usePageTitle } from "../parts/title.ts";
import { shop } from "../shop.ts";
import { SagaPage } from "./saga.tsx";
import { WhyOfOrder } from "./why.tsx";

const RENEWED_EVERY_MS = 5_000;

/** One order for an operator: its saga, or why it has none. */
export function AdminOrderPage({ id }: { readonly id: string }) {
  const { texts } = useApp();
  const title = texts.orders.order(shortId(id));
  usePageTitle(title);
  const { value: sagaId } = useLoad(`saga of ${id}`, readSagaId, { everyMs: RENEWED_EVERY_MS });

  async function readSagaId(signal: AbortSignal): Promise<string | undefined> {
    return (await shop.listSagas({ orderId: id }, { signal })).items[0]?.id;
  }

  if (sagaId !== undefined) return <SagaPage id={sagaId} />;
  return (
    <>
      <header class="page-head">
        <h1>{title}</h1>
      </header>
      <WhyOfOrder orderId={id} />
    </>
  );
}
