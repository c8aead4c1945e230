/** What the tests use of kafkajs beyond its public types. */
declare module "kafkajs/src/network/requestQueue" {
  import type { Logger } from "kafkajs";

  interface PushedRequest {
    readonly entry: {
      readonly apiKey: number;
      readonly apiName: string;
      readonly apiVersion: number;
      readonly correlationId: number;
      resolve(response: unknown): void;
      reject(error: Error): void;
    };
    readonly expectResponse: boolean;
    sendRequest(): void;
  }

  export default class RequestQueue {
    constructor(options: {
      maxInFlightRequests: number;
      /** In milliseconds. */
      requestTimeout: number;
      enforceRequestTimeout: boolean;
      clientId: string;
      broker: string;
      logger: Pick<Logger, "debug" | "warn">;
    });
    scheduleRequestTimeoutCheck(): void;
    maybeThrottle(throttleTimeMs: number): void;
    push(request: PushedRequest): void;
    fulfillRequest(response: { correlationId: number; payload: Uint8Array; size: number }): void;
    destroy(): void;
  }
}
