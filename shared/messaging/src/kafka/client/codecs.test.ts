import { expect, test } from "bun:test";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { CompressionCodecs, CompressionTypes } from "kafkajs";
import { compressFrameSync } from "lz4-napi";
import { compress } from "snappyjs";
import { readAllCompressions } from "./codecs.ts";

readAllCompressions();

/** As Java's snappy writes it, in blocks of 32 KiB. */
function xerial(text: Buffer): Buffer {
  const blocks: Buffer[] = [Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1])];
  for (let at = 0; at < text.length; at += 32_768) {
    const block = compress(text.subarray(at, at + 32_768));
    const size = Buffer.alloc(4);
    size.writeInt32BE(block.length);
    blocks.push(size, block);
  }
  return Buffer.concat(blocks);
}

const codecs = [
  ["gzip", CompressionTypes.GZIP, gzipSync],
  ["snappy", CompressionTypes.Snappy, compress],
  ["snappy in blocks", CompressionTypes.Snappy, xerial],
  ["lz4", CompressionTypes.LZ4, compressFrameSync],
  ["zstd", CompressionTypes.ZSTD, zstdCompressSync],
] as const;

test.each(codecs)("%s: what was packed is unpacked", async (_name, type, pack) => {
  const text = Buffer.from("a record, and another one; ".repeat(10_000));
  expect(text.equals(await CompressionCodecs[type]().decompress(pack(text)))).toBe(true);
});

test.each(codecs)("%s: what is spoilt, or would fill the memory, is refused", async (_name, type, pack) => {
  const { decompress } = CompressionCodecs[type]();
  const spoilt = Buffer.from(pack(Buffer.from("a record, and another one; ".repeat(10_000))));
  spoilt.fill(0xff, 4, spoilt.length);
  await expect(decompress(spoilt)).rejects.toThrow();
  await expect(decompress(Buffer.from("this is none of it, whatever it may be"))).rejects.toThrow();
  await expect(decompress(pack(Buffer.alloc(40 * 1024 * 1024)))).rejects.toThrow();
});
