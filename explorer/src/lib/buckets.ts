/** Which bucket width a timeline of some length should have. */
import { BUCKETS, type Bucket } from '../api/routes';

/** More bars than this to a timeline are hard to hit and to tell apart. */
export const MOST_BARS = { wide: 200, narrow: 100 } as const;

const ASCENDING = (Object.entries(BUCKETS) as [Bucket, number][]).sort((a, b) => a[1] - b[1]);

/** The finest bucket that gives few enough bars, or the widest there is. */
export function chooseBucket(fromMs: number, toMs: number, most: number = MOST_BARS.wide): Bucket {
  const seconds = Math.max(1, (toMs - fromMs) / 1000);
  return ASCENDING.find(([, size]) => seconds / size <= most)?.[0] ?? '1d';
}

export function bucketMs(bucket: string): number {
  return (BUCKETS[bucket as Bucket] as number | undefined ?? 60) * 1000;
}
