/** Series as uPlot needs them for stacked bars: each one drawn from zero up to the sum of itself and those below. */

import { OTHER } from '../api/stats';

export interface Series {
  key: string;
  counts: readonly number[];
  total: number;
}

/** Keeps the `most` largest and sums the rest as `OTHER`, last. Ties go by name, so that the order is stable. */
export function topSeries(series: readonly Series[], most: number): Series[] {
  const sorted = series.filter((s) => s.key !== OTHER).sort((a, b) => b.total - a.total || (a.key < b.key ? -1 : 1));
  // What the server already summed joins what is summed here.
  const rest = [...sorted.slice(most), ...series.filter((s) => s.key === OTHER)];
  if (rest.length === 0) return sorted;
  const counts = (rest[0]?.counts ?? []).map((_, i) => rest.reduce((sum, s) => sum + (s.counts[i] ?? 0), 0));
  return [...sorted.slice(0, most), { key: OTHER, counts, total: rest.reduce((sum, s) => sum + s.total, 0) }];
}

/** The cumulated heights, bottom series first. */
export function cumulate(series: readonly Series[], length: number): number[][] {
  const sum = new Array<number>(length).fill(0);
  return series.map((s) => sum.map((below, i) => (sum[i] = below + (s.counts[i] ?? 0))));
}

/** What is left of the series whose keys are not hidden. */
export function visibleSeries<T extends Series>(series: readonly T[], hidden: ReadonlySet<string>): T[] {
  return series.filter((s) => !hidden.has(s.key));
}
