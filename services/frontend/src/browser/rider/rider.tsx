import { useState } from "preact/hooks";
import type { Delivery } from "@shop/contracts/http/delivery";
import { useApp } from "../app-state.ts";
import { useDeed } from "../attempt.ts";
import { shortId } from "../format.ts";
import { type Page, useLoad } from "../load.ts";
import { Icon } from "../parts/icon.tsx";
import { Empty, Skeleton, WhenLoaded } from "../parts/states.tsx";
import { usePageTitle } from "../parts/title.ts";
import { Written } from "../parts/written.tsx";
import { shop } from "../shop.ts";
import { FailDialog } from "./fail-dialog.tsx";

const RENEWED_EVERY_MS = 3_000;
/** Ten full pages: more than a rider looks through. */
const MOST_PAGES = 10;

interface Deliveries {
  /** Those that no rider has, the one that has waited longest first. */
  readonly waiting: readonly Delivery[];
  readonly mine: readonly Delivery[];
  /** This rider's last ones. */
  readonly done: readonly Delivery[];
}

const tabs = ["waiting", "mine", "done"] as const;
type Tab = (typeof tabs)[number];

export function RiderPage() {
  const { texts, user } = useApp();
  const t = texts.rider;
  usePageTitle(t.title);
  const [tab, setTab] = useState<Tab>("waiting");
  const riderId = user?.id ?? "";
  const loaded = useLoad("deliveries", (signal) => readDeliveries(riderId, signal), { everyMs: RENEWED_EVERY_MS });

  return (
    <div class="narrow rider">
      <h1>{t.title}</h1>
      <div class="segments" role="group" aria-label={t.title}>
        {tabs.map((name) => (
          <button key={name} type="button" aria-pressed={name === tab} onClick={() => setTab(name)}>
            {t[name]}
            {loaded.value !== undefined && name !== "done" ? (
              <span class="count">{loaded.value[name].length}</span>
            ) : null}
          </button>
        ))}
      </div>
      <WhenLoaded loaded={loaded} skeleton={<Skeleton rows={3} class="tall" />}>
        {(deliveries) =>
          deliveries[tab].length === 0 ? (
            <NoDeliveries tab={tab} />
          ) : (
            <ul class="deliveries">
              {deliveries[tab].map((delivery) => (
                <DeliveryCard
                  key={delivery.id}
                  delivery={delivery}
                  tab={tab}
                  onChange={loaded.reload}
                  onClaimed={() => setTab("mine")}
                />
              ))}
            </ul>
          )
        }
      </WhenLoaded>
    </div>
  );
}

async function readDeliveries(riderId: string, signal: AbortSignal): Promise<Deliveries> {
  const open: Delivery[] = [];
  let cursor: string | undefined;
  for (let page = 0; page < MOST_PAGES; page += 1) {
    const read: Page<Delivery> = await shop.listDeliveries({ status: "PENDING", limit: 100, cursor }, { signal });
    open.push(...read.items);
    if (read.nextCursor === null) break;
    cursor = read.nextCursor;
  }
  const ended = await shop.listDeliveries({ status: "COMPLETE", limit: 50 }, { signal });
  const oldestFirst = open.toReversed();
  return {
    waiting: oldestFirst.filter((delivery) => delivery.riderId === null),
    mine: oldestFirst.filter((delivery) => delivery.riderId === riderId),
    done: ended.items.filter((delivery) => delivery.riderId === riderId),
  };
}

function NoDeliveries({ tab }: { readonly tab: Tab }) {
  const t = useApp().texts.rider;
  switch (tab) {
    case "waiting":
      return <Empty title={t.noneWaiting} text={t.noneWaitingText} />;
    case "mine":
      return <Empty title={t.noneMine} text={t.noneMineText} />;
    case "done":
      return <Empty title={t.noneDone} />;
    default:
      return tab satisfies never;
  }
}

interface DeliveryCardProps {
  readonly delivery: Delivery;
  readonly tab: Tab;
  onChange(): void;
  onClaimed(): void;
}

type Deed = "claim" | "complete" | "release" | "fail";

function DeliveryCard({ delivery, tab, onChange, onClaimed }: DeliveryCardProps) {
  const { texts, format, announce } = useApp();
  const t = texts.rider;
  const { isBusy, run } = useDeed();
  const [isFailing, setFailing] = useState(false);

  async function perform(deed: Deed, reason = ""): Promise<void> {
    await run(async () => {
      await CALLS[deed](delivery.id, reason);
      announce({ claim: t.claimed, complete: t.completed, release: t.released, fail: t.failed }[deed]);
      if (deed === "claim") onClaimed();
    });
    setFailing(false);
    // Also after a refusal: what was shown is not so any more.
    onChange();
  }

  return (
    <li class="card delivery">
      <p class="delivery-meta">
        <span>{t.order(shortId(delivery.orderId))}</span>
        <span class="quiet">
          {delivery.completedAt === null
            ? t.since(format.ago(delivery.createdAt, Date.now()))
            : format.day(delivery.completedAt)}
        </span>
      </p>
      <p class="delivery-address">
        <Written>{delivery.deliveryAddress}</Written>
      </p>
      {tab === "waiting" && (
        <button type="button" class="button primary wide tall" disabled={isBusy} onClick={() => void perform("claim")}>
          {t.claim}
        </button>
      )}
      {tab === "mine" && (
        <>
          <button
            type="button"
            class="button primary wide tall"
            disabled={isBusy}
            onClick={() => void perform("complete")}
          >
            <Icon name="check" />
            {t.complete}
          </button>
          <div class="side-by-side">
            <button type="button" class="button" disabled={isBusy} onClick={() => void perform("release")}>
              {t.giveBack}
            </button>
            <button type="button" class="button danger" disabled={isBusy} onClick={() => setFailing(true)}>
              {t.fail}
            </button>
          </div>
        </>
      )}
      {isFailing && (
        <FailDialog
          isBusy={isBusy}
          onClose={() => setFailing(false)}
          onReason={(reason) => void perform("fail", reason)}
        />
      )}
    </li>
  );
}

const CALLS: Readonly<Record<Deed, (id: string, reason: string) => Promise<Delivery>>> = {
  claim: (id) => shop.claimDelivery(id),
  release: (id) => shop.releaseDelivery(id),
  complete: (id) => shop.completeDelivery(id),
  fail: (id, reason) => shop.failDelivery(id, { reason }),
};
