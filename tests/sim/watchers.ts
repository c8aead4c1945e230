import type postgres from "postgres";
import type { Breach } from "../harness/rules/rules.ts";
import type { Network } from "./clients.ts";

/** An event of an order, as a watcher was told it. */
interface Seen {
  readonly id: number;
  readonly type: string;
  readonly status: string;
}

interface Watched {
  readonly orderId: string;
  readonly events: Seen[];
}

/** How soon a watcher connects again, in simulated milliseconds. */
const RECONNECT_MS = 300;

/** Customers who watch their orders change, over all that happens to the processes that tell them. */
export class Watchers {
  readonly #network: Network;
  readonly #most: number;
  readonly #watched: Watched[] = [];
  readonly #leaving = new AbortController();
  readonly #following: Promise<void>[] = [];

  /** @param most how many orders are watched */
  constructor(network: Network, most: number) {
    this.#network = network;
    this.#most = most;
  }

  /** Watches an order from now on, unless enough are watched. */
  watch(orderId: string, token: string): void {
    if (this.#watched.length >= this.#most) return;
    const watched: Watched = { orderId, events: [] };
    this.#watched.push(watched);
    this.#following.push(this.#follow(watched, token));
  }

  /** Has all of them leave. */
  async leave(): Promise<void> {
    this.#leaving.abort();
    await Promise.all(this.#following);
  }

  /** I8: a watcher is told of each change once, in its order, and of nothing else. */
  async judge(order: postgres.Sql): Promise<readonly Breach[]> {
    const ids = this.#watched.map(({ orderId }) => orderId);
    const rows = await order<{ id: string; types: string[] }[]>`
      select id, array['CREATED'] || array(select change->>'type' from jsonb_array_elements(changes) as change) as types
      from orders where id = any(${ids}::uuid[])`;
    const typesOf = new Map(rows.map(({ id, types }) => [id, types]));
    return this.#watched.flatMap(({ orderId, events }): readonly Breach[] => {
      const types = typesOf.get(orderId) ?? [];
      const [state] = events;
      if (state === undefined) return [];
      const told = events.map(({ id, type }) => `${id} ${type}`);
      const expected = [`${state.id} STATE`];
      for (let id = state.id + 1; id <= types.length; id += 1) expected.push(`${id} ${types[id - 1]}`);
      if (told.join(", ") === expected.join(", ")) return [];
      const text = `its watcher was told ${told.join(", ")} in place of ${expected.join(", ")}`;
      return [{ rule: "I8", orderId, text }];
    });
  }

  async #follow(watched: Watched, token: string): Promise<void> {
    while (!this.#leaving.signal.aborted) {
      if ((await this.#connect(watched, token)) === "ended") return;
      await this.#network.scheduler.sleep(RECONNECT_MS);
    }
  }

  /** One connection to any of the replicas, until the stream or its process ends. */
  #connect(watched: Watched, token: string): Promise<"ended" | "lost"> {
    const { scheduler, injector, replicasOf } = this.#network;
    const replica = scheduler.pick(replicasOf("order"));
    const process = replica?.process;
    const app = replica?.app;
    if (process === undefined || app === undefined) return Promise.resolve("lost");
    return new Promise((resolve) => {
      const lost = () => scheduler.after(0, undefined, "", () => resolve("lost"));
      process.onCrash(lost);
      this.#leaving.signal.addEventListener("abort", () => resolve("ended"), { once: true });
      const last = watched.events.at(-1)?.id;
      const headers = {
        authorization: `Bearer ${token}`,
        ...(last !== undefined && { "last-event-id": String(last) }),
      };
      const path = `/api/orders/${watched.orderId}/events`;
      scheduler.after(injector.latencyMs(), process, `a watcher connects behind ${last ?? "nothing"}`, () => {
        void Promise.resolve(app.request(`http://shop.test${path}`, { headers }))
          .then((response) => this.#read(response, watched))
          .then(resolve, lost);
      });
    });
  }

  async #read({ status, body }: Response, watched: Watched): Promise<"ended" | "lost"> {
    if (status === 204) return "ended";
    if (status !== 200 || body === null) return "lost";
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    this.#leaving.signal.addEventListener("abort", () => void reader.cancel(), { once: true });
    for (let text = ""; ;) {
      const { done, value } = await reader.read();
      if (done) return watched.events.at(-1)?.status === "PENDING" ? "lost" : "ended";
      text += value;
      const whole = text.slice(0, text.lastIndexOf("\n\n") + 2);
      text = text.slice(whole.length);
      for (const [, id, data = ""] of whole.matchAll(/^id: (\d+)\ndata: (.*)$/gm)) {
        const { type, order } = JSON.parse(data) as {
          readonly type: string;
          readonly order: { readonly status: string };
        };
        watched.events.push({ id: Number(id), type, status: order.status });
      }
    }
  }
}
