declare module "snappyjs" {
  export function compress(text: Buffer): Buffer;
  /** @throws Error when it is no snappy block, or unpacks to more than `maxLength` bytes */
  export function uncompress(packed: Buffer, maxLength?: number): Buffer;
}
