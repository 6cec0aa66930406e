/** Which events a request asks for, and a few ways to walk them. */
import { type Filter, passes } from '../src/lib/filter';
import { matches } from '../src/lib/filter';
import { parseJson } from '../src/lib/json';
import type { WireEvent } from '../src/api/wire';
import type { Store } from './store';

export interface Selection {
  sources: string[];
  types: string[];
  subjects: string[];
  data: Extract<Filter, { field: 'data' }>[];
  /** Indices: first, and one past the last. */
  start: number;
  end: number;
  allowed: string[];
}

export class BadRequest extends Error {
  readonly name_: string;
  constructor(name: string, detail: string) {
    super(detail);
    this.name_ = name;
  }
}

export function selectionOf(store: Store, params: URLSearchParams, allowed: string[]): Selection {
  const from = instant(params, 'from');
  const to = instant(params, 'to');
  if (from !== null && to !== null && from >= to) throw new BadRequest('range-invalid', '`from` must be before `to`');
  return {
    sources: params.getAll('source'),
    types: params.getAll('type'),
    subjects: params.getAll('subject'),
    data: [...params].filter(([name]) => name.startsWith('data.')).map(([name, value]) => ({ field: 'data', path: name.slice(5), value })),
    start: from === null ? 0 : store.indexAt(from),
    end: to === null ? store.length : store.indexAt(to),
    allowed,
  };
}

function instant(params: URLSearchParams, name: string): number | null {
  const text = params.get(name);
  if (text === null) return null;
  const at = Date.parse(text);
  if (!/^\d{4}-\d\d-\d\dT.*(Z|[+-]\d\d:\d\d)$/.test(text) || !Number.isFinite(at)) throw new BadRequest('time-invalid', `\`${name}\` is not an RFC 3339 time`);
  return at;
}

export function selects(store: Store, selection: Selection, index: number): boolean {
  const source = store.source(index);
  if (!selection.allowed.some((pattern) => matches(pattern, source))) return false;
  if (selection.sources.length > 0 && !selection.sources.some((p) => matches(p, source))) return false;
  if (selection.types.length > 0 && !selection.types.some((p) => matches(p, store.type(index)))) return false;
  if (selection.subjects.length > 0 && !selection.subjects.some((p) => matches(p, store.subject(index) ?? ''))) return false;
  if (selection.data.length === 0) return true;
  return passes({ data: parseJson(store.data(index)) } as unknown as WireEvent, selection.data);
}
