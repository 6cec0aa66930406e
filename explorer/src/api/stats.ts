/** Counts as the page needs them, from what `/v1/stats` answers. */
import type { WireStats } from './wire';

/** The name of the sum of all series that have none of their own. No source or type can be empty, so it cannot clash. */
export const OTHER = '';

export interface Stats {
  bucket: string;
  by: 'type' | 'source';
  /** Whole buckets around what was asked for, in ms. */
  from: number;
  to: number;
  /** Starts of the buckets, in ms. */
  starts: number[];
  series: { key: string; counts: number[]; total: number }[];
  total: number;
}

export function readStats(wire: WireStats, by: 'type' | 'source'): Stats {
  return {
    bucket: wire.bucket,
    by,
    from: Date.parse(wire.from),
    to: Date.parse(wire.to),
    starts: (wire.buckets ?? wire.starts ?? []).map((start) => Date.parse(start)),
    series: wire.series.map((s) => ({ key: s.key ?? s[by] ?? OTHER, counts: s.counts, total: s.total })),
    total: wire.total,
  };
}
