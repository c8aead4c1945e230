import { gunzip, zstdDecompress } from "node:zlib";
import { CompressionCodecs, CompressionTypes } from "kafkajs";
import { decompressFrame } from "lz4-napi";
import { uncompress } from "snappyjs";

/**
 * What a batch of records may unpack to at most, in bytes. The broker takes a megabyte of a batch as it is stored, and counts nothing else: a few
 * kilobytes can unpack to gigabytes.
 */
const MAX_UNPACKED = 32 * 1024 * 1024;

/** A batch of records unpacks to more than is taken. */
class TooLarge extends Error {
  override readonly name = "TooLarge";

  constructor() {
    super(`a batch of records unpacks to more than ${MAX_UNPACKED} bytes`);
  }
}

interface Codec {
  decompress(packed: Buffer): Promise<Buffer>;
}

type Unpack = (
  packed: Buffer,
  options: { readonly maxOutputLength: number },
  done: (error: Error | null, unpacked: Buffer) => void,
) => void;

const zlibCodec = (unpack: Unpack): Codec => ({
  decompress: (packed) =>
    new Promise((resolve, reject) => {
      unpack(packed, { maxOutputLength: MAX_UNPACKED }, (error, unpacked) =>
        error ? reject(error) : resolve(unpacked),
      );
    }),
});

const LZ4_MAGIC = 0x18_4d_22_04;
const LZ4_HAS_CONTENT_SIZE = 0b1000;
const LZ4_HAS_DICTIONARY = 0b1;
const LZ4_HAS_BLOCK_CHECKSUMS = 0b1_0000;
const LZ4_BLOCK_IS_STORED = 0x80_00_00_00;

/**
 * What an LZ4 frame can unpack to at most, in bytes: each of its blocks is full. (LZ4 frame format 1.6.)
 * @throws RangeError when it ends too soon
 */
function lz4Bound(frame: Buffer): number {
  if (frame.readUInt32LE(0) !== LZ4_MAGIC) throw new RangeError("no LZ4 frame");
  const flags = frame.readUInt8(4);
  const blockSize = 2 ** (8 + 2 * ((frame.readUInt8(5) >> 4) & 0b111));
  let at = 7 + (flags & LZ4_HAS_CONTENT_SIZE ? 8 : 0) + (flags & LZ4_HAS_DICTIONARY ? 4 : 0);
  let bound = 0;
  for (;;) {
    const size = frame.readUInt32LE(at);
    if (size === 0) return bound;
    at += 4 + (size & ~LZ4_BLOCK_IS_STORED) + (flags & LZ4_HAS_BLOCK_CHECKSUMS ? 4 : 0);
    bound += blockSize;
  }
}

const lz4: Codec = {
  async decompress(packed) {
    if (lz4Bound(packed) > MAX_UNPACKED) throw new TooLarge();
    return await decompressFrame(packed);
  },
};

/** What Java's snappy puts before the blocks: a magic number and two versions. */
const XERIAL_MAGIC = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00]);
const XERIAL_HEADER = 16;

const snappy: Codec = {
  async decompress(packed) {
    if (!packed.subarray(0, XERIAL_MAGIC.length).equals(XERIAL_MAGIC)) return uncompress(packed, MAX_UNPACKED);
    const blocks: Buffer[] = [];
    let left = MAX_UNPACKED;
    for (let at = XERIAL_HEADER; at < packed.length;) {
      const size = packed.readInt32BE(at);
      if (size <= 0) throw new RangeError("no block of snappy");
      const block = uncompress(packed.subarray(at + 4, at + 4 + size), left);
      blocks.push(block);
      left -= block.length;
      at += 4 + size;
    }
    return Buffer.concat(blocks);
  },
};

const codecs: readonly (readonly [Exclude<CompressionTypes, CompressionTypes.None>, Codec])[] = [
  [CompressionTypes.GZIP, zlibCodec(gunzip)],
  [CompressionTypes.Snappy, snappy],
  [CompressionTypes.LZ4, lz4],
  [CompressionTypes.ZSTD, zlibCodec(zstdDecompress)],
];

/**
 * Lets kafkajs read what a broker, or another producer, has compressed in whatever way; by itself it reads gzip only, and that without a limit.
 * It does so for all clients of the process. What it can compress, which is gzip, stays as it is; nothing of ours is compressed.
 */
export function readAllCompressions(): void {
  for (const [type, { decompress }] of codecs) {
    const known: object = type === CompressionTypes.GZIP ? CompressionCodecs[type]() : {};
    CompressionCodecs[type] = () => ({ ...known, decompress });
  }
}
