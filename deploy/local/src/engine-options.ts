/**
 * What Bun's JavaScript engine is told in each service process, as environment variables; the image sets the same. What they were measured to do is in
 * docs/performance.md.
 */
export const ENGINE_OPTIONS = {
  /** The last tier of the compiler costs these services more than its code saves them. */
  BUN_JSC_useFTLJIT: "false",
  /**
   * How much of what a full collection leaves may be added until the next one: on machines of more than 16 GB, and as a factor on smaller ones.
   * By default it is twice as much again, all of which a service under load keeps resident.
   */
  BUN_JSC_heapGrowthMaxIncrease: "0.75",
  BUN_JSC_smallHeapGrowthFactor: "1.75",
  /** A heap is left to grow to this size, in bytes, however little it holds: those of gateway and frontend hold 9 MB. */
  BUN_JSC_largeHeapSize: "16777216",
  /** While a collection runs beside the program the heap grows on, and what the program changes is marked again. A heap of 20 MB is collected sooner than that pays. */
  BUN_JSC_useConcurrentGC: "false",
} as const;
