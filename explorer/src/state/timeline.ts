/** Counts over time and the values of sources and types, with their colours. */
import { computed, signal } from '@preact/signals';
import type { Client } from '../api/client';
import { type Bucket, routes } from '../api/routes';
import { readStats, type Stats } from '../api/stats';
import type { FacetValues, WireStats } from '../api/wire';
import { chooseBucket, MOST_BARS } from '../lib/buckets';
import { COLOURS, Palette } from '../lib/palette';
import { topSeries } from '../lib/stack';
import type { Asked } from './query';
import { Resource } from './resource';

export const stats = new Resource<Stats>();
export const facets = { source: new Resource<FacetValues>(), type: new Resource<FacetValues>() };

/** Series that were switched off in the legend. */
export const hidden = signal<ReadonlySet<string>>(new Set());

const palettes = { type: new Palette(), source: new Palette() };

/** The largest series, the rest summed, each with its colour. */
export const series = computed(() => {
  const data = stats.state.value.data;
  if (!data) return [];
  const top = topSeries(data.series, COLOURS);
  palettes[data.by].assign(top.slice(0, COLOURS).map((s) => s.key));
  return top.map((s) => ({ ...s, colour: colourOf(data.by, s.key) }));
});

/** The colour's number, or null for grey. */
export function colourOf(by: 'type' | 'source', key: string): number | null {
  return palettes[by].of(key);
}

export function loadStats(client: Client, { query, from, to }: Asked, by: 'type' | 'source'): void {
  void stats.load(async (signal) => readStats((await client.get<WireStats>(routes.stats(query, bucketFor(from, to), by), signal)).body, by));
}

/** As fine as this screen can show. */
export function bucketFor(from: number, to: number): Bucket {
  return chooseBucket(from, to, innerWidth < 700 ? MOST_BARS.narrow : MOST_BARS.wide);
}

export function loadFacets(client: Client, { query }: Asked): void {
  for (const by of ['source', 'type'] as const) {
    void facets[by].load(async (signal) => (await client.get<FacetValues>(routes.facet(by, query), signal)).body);
  }
}

export function toggleSeries(key: string): void {
  const next = new Set(hidden.value);
  if (!next.delete(key)) next.add(key);
  hidden.value = next;
}
