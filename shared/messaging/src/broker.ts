import type { Topic } from "@shop/contracts/services";

/** A record as it is handed to the broker. */
export interface RecordToPublish {
  readonly topic: Topic;
  readonly key: string;
  readonly value: string;
}

/** Where records of one publication came to stand in a partition. Offsets are whole numbers from 0. */
export interface Acknowledgement {
  readonly topic: Topic;
  readonly partition: number;
  /** The offset of the first of them. */
  readonly firstOffset: bigint;
  /** One past the offset of the last of them. */
  readonly endOffset: bigint;
}

/** How far a partition goes: one past the offset of its last record, 0 when it never had one. */
export interface PartitionEnd {
  readonly topic: Topic;
  readonly partition: number;
  readonly endOffset: bigint;
}

/** A record as it came from the broker. Anything may be in it. */
export interface BrokerRecord {
  readonly topic: Topic;
  readonly partition: number;
  readonly offset: string;
  readonly key: string | null;
  readonly value: Uint8Array | null;
  readonly headers: Readonly<Record<string, string>>;
}

export interface Subscription {
  /** Whether it is a member of its group, and moving. */
  isHealthy(): boolean;
  /** Takes nothing more, lets the in-flight batch finish, commits its offsets and leaves the group. */
  stop(): Promise<void>;
}

export interface SubscribeOptions {
  readonly groupId: string;
  readonly topics: readonly Topic[];
  /**
   * Handles records of several partitions, each partition's in order. Offsets are committed only after it has resolved;
   * what it has not finished when the process ends is delivered again. A rejection makes the same records be handed over again.
   * It resolves with the records that it defers, those to be tried first in front: they are handed over again after a pause, with later ones of
   * their keys behind them, and until they are handled their offsets are not committed.
   */
  readonly handle: (records: readonly BrokerRecord[], signal: AbortSignal) => Promise<readonly BrokerRecord[] | void>;
}

/** The message broker, as far as the rest of the system knows it: the seam between the messaging patterns and the Kafka client. */
export interface Broker {
  /**
   * Publishes records, each key's in the given order.
   * Resolves when all are acknowledged by all in-sync replicas; rejects when that is not known of one of them. It does not try again
   * by itself: anyone who publishes has to ask first whether the broker still has what it acknowledged before.
   */
  publish(records: readonly RecordToPublish[]): Promise<readonly Acknowledgement[]>;
  /** The ends of all partitions of these topics. Topics that are missing are created. */
  endOffsets(topics: readonly Topic[]): Promise<readonly PartitionEnd[]>;
  /** Joins a consumer group and keeps being a member, whatever happens to the connection, until it is stopped. */
  subscribe(options: SubscribeOptions): Subscription;
  /** How many records of these topics a consumer group has not handled yet. Rejects when the broker does not tell. */
  lag(options: Pick<SubscribeOptions, "groupId" | "topics">): Promise<number>;
  /** Whether the broker answers. Rejects when it does not. */
  ping(): Promise<void>;
  close(): Promise<void>;
}
