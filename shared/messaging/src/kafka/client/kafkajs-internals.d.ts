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

declare module "kafkajs/src/protocol/recordBatch/record/v0" {
  interface Encoded {
    readonly buffer: Buffer;
  }
  export default function encodeRecord(record: {
    offsetDelta: number;
    /** In milliseconds. */
    timestampDelta: number;
    key: string | Buffer | null;
    value: Buffer | null;
    headers: Readonly<Record<string, string | Buffer | readonly string[]>>;
  }): Encoded;
}

declare module "kafkajs/src/protocol/recordBatch/v0" {
  export function RecordBatch(batch: {
    firstTimestamp: string;
    maxTimestamp: string;
    lastOffsetDelta: number;
    records: readonly unknown[];
  }): Promise<{ readonly buffer: Buffer }>;
}

declare module "kafkajs/src/protocol/recordBatch/v0/decoder" {
  interface DecodedRecord {
    readonly timestamp: string;
    readonly offset: string;
    readonly key: Buffer | null;
    readonly value: Buffer | null;
    readonly headers: Readonly<Record<string, Buffer | readonly Buffer[]>>;
  }
  export default function decodeBatch(decoder: unknown): Promise<{ readonly records: readonly DecodedRecord[] }>;
}

declare module "kafkajs/src/protocol/decoder" {
  export default class Decoder {
    constructor(buffer: Buffer);
    readonly offset: number;
  }
}
