import type { z } from "zod";
import type { Principal } from "../auth/principal.ts";
import { clientAddressOf } from "../server/client-address.ts";
import { requestIdOf, type ShopContext, traceparentOf } from "../server/request-id.ts";

/** What a request tells, whoever made it. */
export class RequestCall {
  readonly #principal: Principal | undefined;
  /** For what this object does not offer, such as the request's abort signal. */
  readonly c: ShopContext;

  constructor(c: ShopContext, principal: Principal | undefined) {
    this.c = c;
    this.#principal = principal;
  }

  /** Who makes the call. A call that anyone may make has none: asking for it there is a fault of the program. */
  get principal(): Principal {
    if (this.#principal === undefined)
      throw new Error(`${this.c.req.path} may be called by anyone: it has no principal`);
    return this.#principal;
  }

  get requestId(): string {
    return requestIdOf(this.c);
  }

  /** The client's IP address; undefined when nobody tells it. */
  get clientAddress(): string | undefined {
    return clientAddressOf(this.c);
  }

  /** The W3C trace that this request belongs to, with a span of our own. */
  get traceparent(): string {
    return traceparentOf(this.c);
  }
}

type Parsed<Schema extends z.ZodType | undefined> = Schema extends z.ZodType ? z.output<Schema> : undefined;

/** A request that has passed every check of its endpoint. */
export class EndpointCall<Body extends z.ZodType | undefined, Query extends z.ZodType | undefined> extends RequestCall {
  readonly body: Parsed<Body>;
  readonly query: Parsed<Query>;
  /** The `{id}` of the path, a UUID in lower case; empty where the path has none. */
  readonly id: string;
  /** The headers that the endpoint declares and the caller sent, by lower-case name. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  #ending: AbortController | undefined;
  #isOver = false;

  constructor(c: ShopContext, principal: Principal | undefined, id: string) {
    super(c, principal);
    // The validators in front of the handler have parsed these by the schemas that give them their types.
    const valid = c.req.valid as (target: "json" | "query" | "header") => unknown;
    this.body = valid.call(c.req, "json") as Parsed<Body>;
    this.query = valid.call(c.req, "query") as Parsed<Query>;
    this.headers = (valid.call(c.req, "header") ?? {}) as Readonly<Record<string, string | undefined>>;
    this.id = id;
  }

  /** Aborted when nobody waits for the answer any more: its time is over, or the caller has left. What only reads ends with it. */
  get signal(): AbortSignal {
    // Made when it is asked for: most calls need none.
    const ending = (this.#ending ??= new AbortController());
    const caller = this.c.req.raw.signal;
    if (this.#isOver || caller.aborted) ending.abort();
    else caller.addEventListener("abort", () => this.end(), { once: true, signal: ending.signal });
    return ending.signal;
  }

  /** Says that nobody waits for the answer any more. */
  end(): void {
    this.#isOver = true;
    this.#ending?.abort();
  }
}
