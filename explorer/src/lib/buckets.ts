/** Which bucket width a timeline of some length should have. */
import { BUCKETS, type Bucket } from '../api/routes';

/** Bars thinner than this many to a timeline are hard to hit and to tell apart. */
const MOST_BARS = 130;

const ASCENDING = (Object.entries(BUCKETS) as [Bucket, number][]).sort((a, b) => a[1] - b[1]);

/** The finest bucket that gives few enough bars, or the widest there is. */
export function chooseBucket(fromMs: number, toMs: number): Bucket {
  const seconds = Math.max(1, (toMs - fromMs) / 1000);
  return ASCENDING.find(([, size]) => seconds / size <= MOST_BARS)?.[0] ?? '1d';
}

export function bucketMs(bucket: string): number {
  return (BUCKETS[bucket as Bucket] as number | undefined ?? 60) * 1000;
}
