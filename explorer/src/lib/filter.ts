/** Filters: what a pill says, what one may type, and whether an event passes. */
import type { WireEvent } from '../api/wire';
import { type Json, printJson, valueAt } from './json';

export type Field = 'source' | 'type' | 'subject' | 'data';

export type Filter = { field: 'source' | 'type' | 'subject'; value: string } | { field: 'data'; path: string; value: string };

export function sameFilter(a: Filter, b: Filter): boolean {
  return a.field === b.field && a.value === b.value && (a.field !== 'data' || (b.field === 'data' && a.path === b.path));
}

export function labelOf(filter: Filter): string {
  return filter.field === 'data' ? `data.${filter.path}` : filter.field;
}

/** Reads `type=order.*`, `source:shop`, `data.actor.id = 7`. Null when it is not (yet) a filter. */
export function parseFilter(text: string): Filter | null {
  const match = /^\s*(source|type|subject|data\.([^\s=:]+))\s*[=:]\s*(.+?)\s*$/.exec(text);
  const [, field, path, value] = match ?? [];
  if (field === undefined || value === undefined) return null;
  return path === undefined ? { field: field as 'source' | 'type' | 'subject', value } : { field: 'data', path, value };
}

/**
 * The filter that selects this value at this path, or null where there is none:
 * a key with a dot in it cannot be told from two keys, and objects and arrays are not compared.
 */
export function dataFilter(path: readonly string[], value: Json): Filter | null {
  if (path.length === 0 || path.some((key) => !/^[^.\s=:&]+$/.test(key))) return null;
  if (value !== null && typeof value === 'object' && !('source' in value && typeof value.source === 'string' && Object.getPrototypeOf(value) !== Object.prototype)) return null;
  const text = typeof value === 'string' ? quoteIfAmbiguous(value) : printJson(value);
  return text === '' ? null : { field: 'data', path: path.join('.'), value: text };
}

/** `5` means the number; the text "5" is written with quotes, as are texts that begin with one. */
export function quoteIfAmbiguous(text: string): string {
  return text === '' || text === '*' || /^(true|false|null|-?\d+(\.\d+)?([eE][+-]?\d+)?|".*)$/s.test(text) ? JSON.stringify(text) : text;
}

/** `shop-*` is a prefix, anything else is the whole value. */
export function matches(pattern: string, value: string): boolean {
  return pattern.endsWith('*') ? value.startsWith(pattern.slice(0, -1)) : value === pattern;
}

function matchesData(wanted: string, found: Json | undefined): boolean {
  if (found === undefined) return false;
  if (wanted === '*') return true;
  return typeof found === 'string' ? quoteIfAmbiguous(found) === wanted : printJson(found) === wanted;
}

/** Whether an event passes: values of one field are alternatives, fields must all agree, data filters must all hold. */
export function passes(event: WireEvent, filters: readonly Filter[]): boolean {
  for (const field of ['source', 'type', 'subject'] as const) {
    const wanted = filters.filter((f) => f.field === field);
    if (wanted.length > 0 && !wanted.some((f) => matches(f.value, event[field] ?? ''))) return false;
  }
  return filters.every((f) => f.field !== 'data' || matchesData(f.value, valueAt(event.data, f.path)));
}
