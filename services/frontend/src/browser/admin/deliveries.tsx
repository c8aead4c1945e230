import { useState } from "preact/hooks";
import type { Delivery, DeliveryStatus } from "@shop/contracts/http/delivery";
import { useApp } from "../app-state.ts";
import { useDeed } from "../attempt.ts";
import { shortId } from "../format.ts";
import { usePages } from "../load.ts";
import { Input } from "../parts/form.tsx";
import { Link } from "../parts/link.tsx";
import { PagedList } from "../parts/paged-list.tsx";
import { DeliveryPill } from "../parts/pills.tsx";
import { Empty, Skeleton } from "../parts/states.tsx";
import { usePageTitle } from "../parts/title.ts";
import { Written } from "../parts/written.tsx";
import { pathTo } from "../router.ts";
import { shop } from "../shop.ts";
import { Bulk } from "./bulk.tsx";
import { Export } from "./export.tsx";
import { IdField, wholeId } from "./id-field.tsx";
import { type Period, PeriodSelect, since } from "./period.tsx";
import { Select } from "./select.tsx";

const RENEWED_EVERY_MS = 5_000;

/** What riders carry and what waits for one: a delivery whose rider does not come is given to the others again. */
export function DeliveriesPage() {
  const { texts } = useApp();
  const t = texts.admin;
  usePageTitle(texts.nav.deliveries);
  const [status, setStatus] = useState<DeliveryStatus | "">("PENDING");
  const [period, setPeriod] = useState<Period | "">("");
  const [rider, setRider] = useState("");
  const [reason, setReason] = useState("");
  const meant = () => ({ status: status || undefined, riderId: wholeId(rider), from: since(period) });
  const wanted = () => ({ ...meant(), failReason: reason.trim() || undefined });
  const loaded = usePages(
    `all deliveries ${status} ${period} ${wholeId(rider)} ${reason}`,
    (cursor, signal) => shop.listDeliveries({ ...wanted(), limit: 50, cursor }, { signal }),
    { everyMs: RENEWED_EVERY_MS },
  );
  return (
    <>
      <h1>{texts.nav.deliveries}</h1>
      <div class="filters">
        <Select
          label={t.status}
          value={status}
          options={texts.deliveryStatus}
          onChange={(chosen) => setStatus(chosen)}
        />
        <PeriodSelect value={period} onChange={setPeriod} />
        <IdField label={t.riderId} value={rider} onChange={setRider} />
        <Input label={t.failReason} autoComplete="off" maxLength={100} value={reason} onValue={setReason} />
        <Export path="/api/deliveries" query={wanted()} />
      </div>
      {/* What a rider has given up cannot be released. */}
      {reason.trim() === "" ? (
        <Bulk
          key={`${status} ${period} ${wholeId(rider)}`}
          actions={texts.bulk.deliveries}
          begin={(action, dryRun) => shop.bulkDeliveries({ action, filter: meant(), dryRun })}
          read={(id, signal) => shop.getDeliveryBulk(id, { signal })}
          stop={(id) => shop.stopDeliveryBulk(id)}
          onDone={loaded.reload}
        />
      ) : null}
      <PagedList loaded={loaded} skeleton={<Skeleton rows={6} />} empty={<Empty title={t.noDeliveries} />}>
        {(deliveries) => (
          <ul class="rows card">
            {deliveries.map((delivery) => (
              <DeliveryRow key={delivery.id} delivery={delivery} onChange={loaded.reload} />
            ))}
          </ul>
        )}
      </PagedList>
    </>
  );
}

function DeliveryRow({ delivery, onChange }: { readonly delivery: Delivery; onChange(): void }) {
  const { texts, format, announce } = useApp();
  const t = texts.admin;
  const { isBusy, run } = useDeed();
  const { id, orderId, status, deliveryAddress, riderId, failReason, createdAt, completedAt } = delivery;

  async function release(): Promise<void> {
    await run(async () => {
      await shop.releaseDelivery(id);
      announce(t.released);
    });
    onChange();
  }

  return (
    <li class="row product-row">
      <span class="row-what">
        <b>
          <Written>{deliveryAddress}</Written>
        </b>
        <span class="quiet">
          {texts.orders.order(shortId(orderId))} ·{" "}
          {completedAt === null ? texts.rider.since(format.ago(createdAt, Date.now())) : format.day(completedAt)}
          {riderId === null ? null : ` · ${t.riderIs(shortId(riderId))}`}
          {failReason === null ? null : (
            <>
              {" "}
              · <Written>{failReason}</Written>
            </>
          )}
        </span>
      </span>
      <DeliveryPill delivery={delivery} />
      <span class="row-actions">
        {status === "PENDING" && riderId !== null ? (
          <button type="button" class="button small danger" disabled={isBusy} onClick={() => void release()}>
            {t.release}
          </button>
        ) : null}
        <Link to={pathTo("adminOrder", orderId)} class="button small">
          {t.openOrder}
          <span class="unseen">: {texts.orders.order(shortId(orderId))}</span>
        </Link>
      </span>
    </li>
  );
}
