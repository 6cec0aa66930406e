/** The server's paths and parameters, and what a filter looks like in a query string. */

export type Param = readonly [name: string, value: string];

/** What is asked of the events, whichever route answers. Times are RFC 3339. */
export interface EventQuery {
  sources: readonly string[];
  types: readonly string[];
  subjects: readonly string[];
  data: readonly { path: string; value: string }[];
  from: string | null;
  to: string | null;
}

export const EXPORT_FORMATS = ['ndjson', 'csv', 'parquet'] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

/** The bucket widths `/v1/stats` takes, in seconds, by the name it knows them by. */
export const BUCKETS = { '1m': 60, '5m': 300, '10m': 600, '15m': 900, '30m': 1800, '1h': 3600, '6h': 21_600, '12h': 43_200, '1d': 86_400 } as const;
export type Bucket = keyof typeof BUCKETS;

/** The largest page that is asked for. */
export const PAGE_SIZE = 100;

function build(path: string, params: readonly Param[]): string {
  if (params.length === 0) return path;
  // encodeURIComponent rather than URLSearchParams: %20 reads better than + in what people copy.
  return `${path}?${params.map(([k, v]) => `${encodePart(k)}=${encodePart(v)}`).join('&')}`;
}

function encodePart(text: string): string {
  // Lone surrogates cannot be percent-encoded; and what stays readable stays readable.
  return encodeURIComponent(text.toWellFormed()).replace(/%3A/g, ':').replace(/%2F/g, '/').replace(/%2C/g, ',');
}

function countable(query: EventQuery): Param[] {
  return [...query.sources.map((v) => ['source', v] as const), ...query.types.map((v) => ['type', v] as const)];
}

function within(query: EventQuery): Param[] {
  return [...(query.from === null ? [] : [['from', query.from] as const]), ...(query.to === null ? [] : [['to', query.to] as const])];
}

function filters(query: EventQuery): Param[] {
  return [
    ...countable(query),
    ...query.subjects.map((v) => ['subject', v] as const),
    ...query.data.map(({ path, value }) => [`data.${path}`, value] as const),
    ...within(query),
  ];
}

export const routes = {
  whoami: () => '/v1/whoami',
  events: (query: EventQuery, page: { order: 'desc' | 'asc'; limit?: number; cursor?: string | null }) =>
    build('/v1/events', [
      ...filters(query),
      ['order', page.order],
      ['limit', String(page.limit ?? PAGE_SIZE)],
      ...(page.cursor == null ? [] : [['cursor', page.cursor] as const]),
    ]),
  event: (uid: string) => `/v1/events/${encodeURIComponent(uid)}`,
  /** Counts know sources, types and times only: `subject` and `data` filters do not apply. */
  stats: (query: EventQuery, bucket: Bucket, by: 'type' | 'source') =>
    build('/v1/stats', [['bucket', bucket], ['by', by], ...countable(query), ...within(query)]),
  /** A facet's counts follow the other facet's filter, never its own, so that more values can be added. */
  facet: (by: 'type' | 'source', query: EventQuery) =>
    build(by === 'type' ? '/v1/types' : '/v1/sources', [
      ...(by === 'type' ? query.sources.map((v) => ['source', v] as const) : query.types.map((v) => ['type', v] as const)),
      ...within(query),
    ]),
  /** Without `after` the tail starts now. `subject` and `data` filters are applied by the page. */
  tail: (query: EventQuery, after: string | null) => build('/v1/tail', [...(after === null ? [] : [['after', after] as const]), ...countable(query)]),
  export: (query: EventQuery, format: ExportFormat) => build('/v1/export', [['format', format], ...filters(query)]),
  deadLetters: (cursor: string | null) => build('/v1/operator/dead-letters', [['limit', '50'], ...(cursor === null ? [] : [['cursor', cursor] as const])]),
  lag: () => '/v1/operator/lag',
};
