/** A request as the driver sends it; everything that varies from call to call is settled before the load begins. */
export interface PlannedRequest {
  readonly method: "POST" | "PUT";
  readonly path: string;
  /** Beside `host` and `content-length`. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export type Load =
  /** A closed loop: so many callers, each of which makes its next call when the last one is answered. */
  | { readonly kind: "closed"; readonly inFlight: number }
  /** Arrivals at a constant rate, whatever the answers take. */
  | { readonly kind: "constant"; readonly perSecond: number };

export interface Plan {
  /** `http://host:port` */
  readonly origin: string;
  readonly load: Load;
  /** Each is made once, in this order, and made again for as long as it is refused for lack of time. */
  readonly requests: readonly PlannedRequest[];
}

/** What became of a request. Times are milliseconds since 1970, with fractions. */
export interface Outcome {
  /** The `id` of the answer's body; empty when it has none. */
  readonly id: string;
  /** When it was to be sent: at a constant rate that is by the schedule, even if the driver or the server were late. */
  readonly intendedAt: number;
  /** When the last byte of the successful answer was there. */
  readonly answeredAt: number;
  /** How often it was refused or lost its connection before. */
  readonly refusals: number;
}

export type DriverReply =
  | { readonly outcomes: readonly Outcome[]; readonly cpuMs: number; readonly wallMs: number }
  | { readonly failure: string };
