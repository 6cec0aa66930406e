/** The routes that answer with one JSON document. */
import { matches } from '../src/lib/filter';
import { bucketMs } from '../src/lib/buckets';
import { BUCKETS } from '../src/api/routes';
import type { MockKey } from './keys';
import { BadRequest, selectionOf, selects } from './select';
import type { Store } from './store';

/** As the real server does, the mock stops looking after so many events and says how far it came. */
const SEARCH_BUDGET = 30_000;

const known = new Set(['source', 'type', 'subject', 'from', 'to', 'order', 'limit', 'cursor', 'bucket', 'by', 'format', 'after', 'start']);

export function refuseUnknown(params: URLSearchParams): void {
  for (const name of params.keys()) if (!known.has(name) && !name.startsWith('data.')) throw new BadRequest('unknown-parameter', `\`${name}\` is not a parameter of this route`);
}

export function events(store: Store, params: URLSearchParams, key: MockKey): string {
  const selection = selectionOf(store, params, key.sources);
  const limit = Number(params.get('limit') ?? 100);
  if (!Number.isInteger(limit) || limit < 1 || limit > 1000) throw new BadRequest('limit-invalid', '`limit` must be between 1 and 1000');
  const descending = params.get('order') !== 'asc';
  const rows: number[] = [];
  const step = descending ? -1 : 1;
  let at = cursorOf(params) ?? (descending ? selection.end - 1 : selection.start);
  let looked = 0;
  for (; at >= selection.start && at < selection.end && rows.length < limit && looked < SEARCH_BUDGET; at += step, looked += 1) {
    if (selects(store, selection, at)) rows.push(at);
  }
  const more = at >= selection.start && at < selection.end;
  const searchedTo = more && rows.length < limit ? `,"searched_to":${JSON.stringify(new Date(store.times[at] ?? 0).toISOString())}` : '';
  const next = more ? JSON.stringify(Buffer.from(`c1:${at}`).toString('base64url')) : 'null';
  return `{"events":[${rows.map((i) => store.json(i)).join(',')}],"next":${next},"prev":null${searchedTo}}`;
}

function cursorOf(params: URLSearchParams): number | null {
  const cursor = params.get('cursor');
  if (cursor === null) return null;
  const match = /^c1:(-?\d+)$/.exec(Buffer.from(cursor, 'base64url').toString());
  if (!match) throw new BadRequest('invalid-cursor', 'the cursor is not one that this server gave for this query');
  return Number(match[1]);
}

export function stats(store: Store, params: URLSearchParams, key: MockKey): string {
  const bucket = params.get('bucket') ?? '1h';
  if (!Object.hasOwn(BUCKETS, bucket)) throw new BadRequest('bucket-invalid', `\`bucket\` must be one of ${Object.keys(BUCKETS).join(', ')}`);
  const width = bucketMs(bucket);
  const selection = selectionOf(store, params, key.sources);
  const from = Math.floor(Date.parse(params.get('from') ?? new Date(store.times[0] ?? 0).toISOString()) / width) * width;
  const to = Math.ceil(Date.parse(params.get('to') ?? new Date().toISOString()) / width) * width;
  const buckets = Math.max(1, (to - from) / width);
  // Counts are of whole buckets, as those of the server are.
  [selection.start, selection.end] = [store.indexAt(from), store.indexAt(to)];
  const by = params.get('by') === 'source' ? 'source' : 'type';
  const series = new Map<string, number[]>();
  for (let i = selection.start; i < selection.end; i += 1) {
    if (!selects(store, selection, i)) continue;
    const name = by === 'source' ? store.source(i) : store.type(i);
    let counts = series.get(name);
    if (!counts) series.set(name, (counts = new Array<number>(buckets).fill(0)));
    const slot = Math.floor(((store.times[i] ?? 0) - from) / width);
    counts[slot] = (counts[slot] ?? 0) + 1;
  }
  const rows = [...series].map(([name, counts]) => ({ [by]: name, counts, total: counts.reduce((a, b) => a + b, 0) })).sort((a, b) => b.total - a.total);
  return JSON.stringify({
    bucket, from: new Date(from).toISOString(), to: new Date(to).toISOString(),
    buckets: Array.from({ length: buckets }, (_, i) => new Date(from + i * width).toISOString()),
    series: rows, total: rows.reduce((sum, row) => sum + row.total, 0),
  });
}

export function facet(store: Store, params: URLSearchParams, key: MockKey, by: 'source' | 'type'): string {
  const selection = selectionOf(store, params, key.sources);
  const values = new Map<string, { count: number; last: number }>();
  for (let i = selection.start; i < selection.end; i += 1) {
    if (!selects(store, selection, i)) continue;
    const name = by === 'source' ? store.source(i) : store.type(i);
    const seen = values.get(name) ?? { count: 0, last: 0 };
    values.set(name, { count: seen.count + 1, last: store.times[i] ?? 0 });
  }
  const rows = [...values].map(([value, { count, last }]) => ({ value, count, last_seen: new Date(last).toISOString() }));
  return JSON.stringify({ values: rows.sort((a, b) => b.count - a.count) });
}

/** Null when there is none, or none for this key: the two look the same. */
export function event(store: Store, uid: string, key: MockKey): string | null {
  const index = store.find(uid);
  return index !== null && key.sources.some((p) => matches(p, store.source(index))) ? store.json(index) : null;
}
