import { freePort } from "@shop/local/free-port";
import type { Replica } from "@shop/local/system";
import { type Link, openLink } from "../harness/stage/link.ts";

/** A load balancer on layer 4, as `deploy/nlb/haproxy.cfg` describes one. */
export interface Balancer {
  readonly url: string;
  close(): Promise<void>;
}

/** How often it asks each replica whether it is ready. */
const LOOK_EVERY_MS = 200;
/** A replica that does not answer by then is no use to callers either. */
const LOOK_WITHIN_MS = 5_000;

/** Passes connections to the replicas whose management port says that they are ready, in turn; connections that are there stay. */
export async function startBalancer(replicas: readonly Replica[]): Promise<Balancer> {
  const ready = new Set<Replica>();
  const portOf = ({ url }: Replica) => Number(new URL(url).port);
  const link: Link = await openLink(await freePort(), () => [...ready].map(portOf));
  let isClosed = false;

  async function look(replica: Replica): Promise<void> {
    const isReady = await fetch(`${replica.managementUrl}/readyz`, {
      signal: AbortSignal.timeout(LOOK_WITHIN_MS),
    }).then(
      ({ ok }) => ok,
      () => false,
    );
    if (isReady) ready.add(replica);
    else ready.delete(replica);
  }
  const looking = (async () => {
    while (!isClosed) {
      await Promise.all(replicas.map(look));
      await Bun.sleep(LOOK_EVERY_MS);
    }
  })();

  return {
    url: `http://127.0.0.1:${link.port}`,
    async close() {
      isClosed = true;
      await looking;
      await link.close();
    },
  };
}
