import type { ICustomPartitioner } from "kafkajs";

const SEED = 0x9747b28c;
const M = 0x5bd1e995;
const R = 24;

/**
 * MurmurHash2 (Austin Appleby) of a key, as Apache Kafka's own clients compute it, so that a key has the same partition whichever client writes it.
 * kafkajs has it too, in 64-bit numbers of its own make, at several times the cost; this is the hottest function of a relay.
 * @returns a signed 32-bit number
 */
function murmur2(key: Uint8Array): number {
  const length = key.length;
  const view = new DataView(key.buffer, key.byteOffset, length);
  const whole = length & ~3;
  let hash = SEED ^ length;
  for (let at = 0; at < whole; at += 4) {
    let k = Math.imul(view.getInt32(at, true), M);
    k = Math.imul(k ^ (k >>> R), M);
    hash = Math.imul(hash, M) ^ k;
  }
  const rest = length & 3;
  if (rest > 2) hash ^= view.getUint8(whole + 2) << 16;
  if (rest > 1) hash ^= view.getUint8(whole + 1) << 8;
  if (rest > 0) hash = Math.imul(hash ^ view.getUint8(whole), M);
  hash = Math.imul(hash ^ (hash >>> 13), M);
  return hash ^ (hash >>> 15);
}

const utf8 = new TextEncoder();

/** Partitions by key, as Kafka's clients do by default. Every record of ours has a key. */
export const byKey: ICustomPartitioner =
  () =>
  ({ message: { key }, partitionMetadata }) =>
    (murmur2(typeof key === "string" ? utf8.encode(key) : (key ?? new Uint8Array())) & 0x7fffffff) %
    partitionMetadata.length;
