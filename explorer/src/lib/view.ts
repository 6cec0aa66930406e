/** What is being looked at, and its form in the address bar. The key is no part of it, so a link can be shared. */
import type { EventQuery } from '../api/routes';
import { labelOf, type Filter, sameFilter } from './filter';
import { parseDuration, parseInstant, printDuration, type Range, resolve, rfc3339 } from './time';

export interface View {
  panel: 'explore' | 'operations';
  range: Range;
  filters: readonly Filter[];
  by: 'type' | 'source';
  order: 'desc' | 'asc';
  /** Columns between the time and the data. */
  columns: readonly string[];
  live: boolean;
  /** The uid of the event that is open. */
  event: string | null;
}

export const DEFAULT_COLUMNS: readonly string[] = ['type', 'source', 'subject'];

export const DEFAULT_VIEW: View = {
  panel: 'explore',
  range: { kind: 'last', seconds: 24 * 3600 },
  filters: [],
  by: 'type',
  order: 'desc',
  columns: DEFAULT_COLUMNS,
  live: false,
  event: null,
};

/** More than these in an address are not a view anyone made. */
const MOST_FILTERS = 50;
const MOST_COLUMNS = 12;
const UID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Reads an address. What cannot be understood is left out: an old link still opens. */
export function parseView(search: string): View {
  const params = new URLSearchParams(search);
  const filters: Filter[] = [];
  const columns: string[] = [];
  for (const [name, value] of params) {
    if (value === '') continue;
    let filter: Filter | null = null;
    if (name === 'source' || name === 'type' || name === 'subject') filter = { field: name, value };
    else if (name.startsWith('data.') && name.length > 5) filter = { field: 'data', path: name.slice(5), value };
    else if (name === 'col' && columns.length < MOST_COLUMNS && !columns.includes(value)) columns.push(value);
    const added = filter;
    if (added && filters.length < MOST_FILTERS && !filters.some((f) => sameFilter(f, added))) filters.push(added);
  }
  const event = params.get('event');
  return {
    panel: params.get('panel') === 'operations' ? 'operations' : 'explore',
    range: parseRange(params),
    filters,
    by: params.get('by') === 'source' ? 'source' : 'type',
    order: params.get('order') === 'asc' ? 'asc' : 'desc',
    columns: columns.length > 0 ? columns.filter((c) => c !== 'none') : DEFAULT_COLUMNS,
    live: params.get('live') === '1',
    event: event !== null && UID.test(event) ? event : null,
  };
}

function parseRange(params: URLSearchParams): Range {
  const from = parseInstant(params.get('from') ?? '', true);
  const to = parseInstant(params.get('to') ?? '', true);
  if (from !== null && to !== null && from < to) return { kind: 'between', from, to };
  const seconds = parseDuration(params.get('range') ?? '');
  return seconds === null ? DEFAULT_VIEW.range : { kind: 'last', seconds };
}

/** The address of a view: `?...`, or nothing for the view one starts with. */
export function printView(view: View): string {
  const params = new URLSearchParams();
  if (view.panel !== 'explore') params.append('panel', view.panel);
  if (view.range.kind === 'between') {
    params.append('from', rfc3339(view.range.from));
    params.append('to', rfc3339(view.range.to));
  } else if (view.range.seconds !== (DEFAULT_VIEW.range as { seconds: number }).seconds) {
    params.append('range', printDuration(view.range.seconds));
  }
  for (const filter of view.filters) params.append(labelOf(filter), filter.value);
  if (view.by !== 'type') params.append('by', view.by);
  if (view.order !== 'desc') params.append('order', view.order);
  if (view.columns.join('\n') !== DEFAULT_COLUMNS.join('\n')) {
    for (const column of view.columns.length > 0 ? view.columns : ['none']) params.append('col', column);
  }
  if (view.live) params.append('live', '1');
  if (view.event !== null) params.append('event', view.event);
  const text = params.toString().replace(/%3A/g, ':').replace(/%2F/g, '/').replace(/%2A/g, '*');
  return text === '' ? '' : `?${text}`;
}

/** The part of a view that decides which events are shown. Changing anything else asks the server nothing. */
export function queryOf(view: Pick<View, 'range' | 'filters'>, now: number): EventQuery {
  const { from, to } = resolve(view.range, now);
  const of = (field: 'source' | 'type' | 'subject') => view.filters.filter((f) => f.field === field).map((f) => f.value);
  return {
    sources: of('source'),
    types: of('type'),
    subjects: of('subject'),
    data: view.filters.filter((f) => f.field === 'data'),
    from: rfc3339(from),
    to: rfc3339(to),
  };
}

/** Adds a filter, or takes it away when it is there. */
export function toggleFilter(filters: readonly Filter[], filter: Filter): Filter[] {
  return filters.some((f) => sameFilter(f, filter)) ? filters.filter((f) => !sameFilter(f, filter)) : [...filters, filter];
}
