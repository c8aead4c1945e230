import { type Topic, topics } from "@shop/contracts/services";
import type { Acknowledgement, BrokerRecord, PartitionEnd, RecordToPublish } from "@shop/messaging/broker";
import { byKey } from "@shop/messaging/kafka/client/partitioner";

const PARTITIONS = 3;
const RECENT = 6;
/** More than the records of a partition in a run. */
const OFFSETS_APART = 1_000_000;
const bytes = new TextEncoder();

export interface Assigned {
  readonly topic: Topic;
  readonly partition: number;
}

/** A place in a topic up to which a group has read. */
export interface Position extends Assigned {
  readonly next: number;
}

export interface Member {
  readonly id: string;
  readonly topics: readonly Topic[];
}

const partitionsOf = (of: readonly Topic[]): readonly Assigned[] =>
  of.flatMap((topic) => Array.from({ length: PARTITIONS }, (_, partition) => ({ topic, partition })));

const placeOf = ({ topic, partition }: Assigned) => `${topic}:${partition}`;

/** A consumer group: anyone who joins or leaves begins a new generation, in which each partition has one reader. */
class Group {
  generation = 0;
  readonly members = new Map<string, Member>();
  readonly committed = new Map<string, number>();
  isStalled = false;

  assigned(member: Member): readonly Assigned[] {
    const ids = [...this.members.keys()].toSorted();
    return partitionsOf(member.topics).filter((_, index) => ids[(index + this.generation) % ids.length] === member.id);
  }
}

/** What a Kafka cluster keeps: the records of all topics, and how far each group has read. Time and failures are not its business. */
export class Kafka {
  /** How often it has lost all of its data. */
  wipes = 0;
  /** Whether it is unavailable because it has lost its data, and not to be healed sooner. */
  isComingBackEmpty = false;
  /** Whether anything was published after such a loss by a process that had not asked since then how far partitions go: it can stand in front of older messages of its key. */
  wasPublishedUnaware = false;
  /** Whether a record that was late came after such a loss: it can fill its partition, so that the loss is not seen. */
  wasFilledByLate = false;
  /** Whether nobody can reach it. */
  isAway = false;
  /** The messages that came late into their partitions, whole, and how many are to come yet. */
  readonly late = new Set<string>();
  held = 0;
  /** The last records that came, whichever their partitions. */
  readonly recent: BrokerRecord[] = [];
  readonly #waiting = new Set<() => void>();
  readonly #history: BrokerRecord[] = [];
  #logs = new Map<string, BrokerRecord[]>();
  #groups = new Map<string, Group>();
  readonly #partitioner = byKey();

  /** Adds records behind those that are there, each to the partition of its key. */
  append(records: readonly RecordToPublish[]): readonly Acknowledgement[] {
    const written = records.map(({ topic, key, value }) =>
      this.appendRaw(topic, this.partitionOf(key), key, bytes.encode(value)),
    );
    return [...Map.groupBy(written, placeOf).values()].flatMap((of) => {
      const [first] = of;
      if (first === undefined) return [];
      const firstOffset = BigInt(first.offset);
      const { topic, partition } = first;
      return [{ topic, partition, firstOffset, endOffset: firstOffset + BigInt(of.length) }];
    });
  }

  appendRaw(topic: Topic, partition: number, key: string | null, value: Uint8Array | null): BrokerRecord {
    const log = this.#log({ topic, partition });
    const record: BrokerRecord = { topic, partition, offset: String(log.length), key, value, headers: {} };
    log.push(record);
    this.#history.push(this.inHistory(record));
    this.recent.push(record);
    if (this.recent.length > RECENT) this.recent.shift();
    for (const tell of this.#waiting) tell();
    this.#waiting.clear();
    return record;
  }

  /** Has `tell` called once, with the next record of any topic. */
  onNextRecord(tell: () => void): void {
    this.#waiting.add(tell);
  }

  partitionOf(key: string): number {
    const partitionMetadata = Array.from({ length: PARTITIONS }, (_, partitionId) => ({
      ...{ partitionErrorCode: 0, partitionId, leader: 0, replicas: [], isr: [] },
    }));
    return this.#partitioner({ topic: "", partitionMetadata, message: { key, value: null } });
  }

  /** All records of all topics. */
  records(): readonly BrokerRecord[] {
    return partitionsOf(topics).flatMap((at) => this.#log(at));
  }

  /** All records that there ever were, in their order. After a loss their offsets do not begin again, as those of the partitions do. */
  history(): readonly BrokerRecord[] {
    return this.#history;
  }

  /** A record of now, as it stands in the history. */
  inHistory<At extends { readonly offset: string }>(record: At): At {
    return { ...record, offset: String(this.wipes * OFFSETS_APART + Number(record.offset)) };
  }

  /** A place in the history without the losses before it, which is what a reader knew it by. */
  placeSinceLoss(this: void, place: string): string {
    const [topic, partition, offset] = place.split(":");
    return `${topic}:${partition}:${Number(offset) % OFFSETS_APART}`;
  }

  /** Whether it has lost an earlier message of the same topic and key. */
  hasLost({ topic, key }: RecordToPublish): boolean {
    const begin = this.wipes * OFFSETS_APART;
    return this.#history.some((old) => old.topic === topic && old.key === key && Number(old.offset) < begin);
  }

  ends(of: readonly Topic[]): readonly PartitionEnd[] {
    return partitionsOf(of).map((at) => ({ ...at, endOffset: BigInt(this.#log(at).length) }));
  }

  /** @returns at most `limit` records of a partition from an offset on; a position behind its end starts again */
  read(at: Position, limit: number): readonly BrokerRecord[] {
    const log = this.#log(at);
    const from = at.next > log.length ? 0 : at.next;
    return log.slice(from, from + limit);
  }

  join(groupId: string, member: Member): number {
    const group = this.#group(groupId);
    group.members.set(member.id, member);
    return this.rebalance(groupId);
  }

  leave(groupId: string, memberId: string): void {
    if (this.#group(groupId).members.delete(memberId)) this.rebalance(groupId);
  }

  /** Begins a new generation, with the partitions dealt out again. */
  rebalance(groupId: string): number {
    const group = this.#group(groupId);
    group.generation += 1;
    return group.generation;
  }

  isCurrent(groupId: string, memberId: string, generation: number): boolean {
    const group = this.#group(groupId);
    return group.generation === generation && group.members.has(memberId);
  }

  generationOf(groupId: string): number {
    return this.#group(groupId).generation;
  }

  /** Whether the members of a group are brought nothing for now. */
  isStalled(groupId: string): boolean {
    return this.#group(groupId).isStalled;
  }

  stall(groupId: string, isStalled: boolean): void {
    this.#group(groupId).isStalled = isStalled;
  }

  isMember(groupId: string, memberId: string): boolean {
    return this.#group(groupId).members.has(memberId);
  }

  /** Where a member begins to read. */
  positionsOf(groupId: string, member: Member): readonly Position[] {
    const group = this.#group(groupId);
    return group.assigned(member).map((at) => ({ ...at, next: group.committed.get(placeOf(at)) ?? 0 }));
  }

  commit(groupId: string, positions: readonly Position[]): void {
    const { committed } = this.#group(groupId);
    for (const position of positions) committed.set(placeOf(position), position.next);
  }

  /** Has a group read everything again. */
  rewind(groupId: string): void {
    this.#group(groupId).committed.clear();
    this.rebalance(groupId);
  }

  /** Throws everything away, topics and groups. */
  wipe(): void {
    this.wipes += 1;
    this.#logs = new Map();
    this.recent.length = 0;
    for (const group of this.#groups.values()) {
      group.committed.clear();
      group.members.clear();
      group.generation += 1;
    }
  }

  /** How many records a group has not handled yet. */
  lag(groupId: string, read: readonly Topic[]): number {
    const { committed } = this.#group(groupId);
    return partitionsOf(read).reduce((lag, at) => {
      const { length } = this.#log(at);
      return lag + length - Math.min(committed.get(placeOf(at)) ?? 0, length);
    }, 0);
  }

  #log(at: Assigned): BrokerRecord[] {
    const place = placeOf(at);
    const log = this.#logs.get(place) ?? [];
    this.#logs.set(place, log);
    return log;
  }

  #group(id: string): Group {
    const group = this.#groups.get(id) ?? new Group();
    this.#groups.set(id, group);
    return group;
  }
}
