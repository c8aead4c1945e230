import { build } from "hdr-histogram-js";

/** In milliseconds. */
export interface Latency {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

const MICROSECONDS_A_MS = 1_000;
const TEN_MINUTES = 600_000 * MICROSECONDS_A_MS;

/**
 * Percentiles by an HDR histogram of three significant digits, from a microsecond to ten minutes.
 * @param values in milliseconds, at least one
 */
export function latencyOf(values: readonly number[]): Latency {
  const histogram = build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: TEN_MINUTES,
    numberOfSignificantValueDigits: 3,
    bitBucketSize: 32,
  });
  for (const ms of values) {
    histogram.recordValue(Math.min(TEN_MINUTES, Math.max(1, Math.round(ms * MICROSECONDS_A_MS))));
  }
  const at = (percentile: number) => histogram.getValueAtPercentile(percentile) / MICROSECONDS_A_MS;
  return { p50: at(50), p99: at(99), max: histogram.maxValue / MICROSECONDS_A_MS };
}

/** @throws RangeError without values */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other);
  const upper = sorted[sorted.length >> 1];
  const lower = sorted[(sorted.length - 1) >> 1];
  if (upper === undefined || lower === undefined) throw new RangeError("there is no median of nothing");
  return (upper + lower) / 2;
}
