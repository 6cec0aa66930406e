/** The view as something to paste elsewhere: a curl command, a SQL query. Values are quoted, never trusted. */
import type { Filter } from './filter';
import { BigNumber, type Json, parseJson, printJson } from './json';

/** Quotes for a POSIX shell. */
export function shellQuote(text: string): string {
  return `'${text.replace(/'/g, `'\\''`)}'`;
}

/** The key is a variable: a command that is pasted into a chat must not carry it. */
export function curlOf(url: string): string {
  return `curl -sS -H "Authorization: Bearer $FLUMEN_KEY" ${shellQuote(url)}`;
}

/** Quotes a SQL string. NUL cannot be in one, and a backslash is plain under standard_conforming_strings. */
export function sqlString(text: string): string {
  return `'${text.replaceAll('\0', '').replace(/'/g, "''")}'`;
}

function sqlCondition(column: string, values: readonly string[]): string | null {
  if (values.length === 0) return null;
  const exact = values.filter((v) => !v.endsWith('*'));
  const parts = values
    .filter((v) => v.endsWith('*'))
    .map((v) => `${column} like ${sqlString(v.slice(0, -1).replace(/[\\%_]/g, '\\$&') + '%')}`);
  if (exact.length === 1) parts.unshift(`${column} = ${sqlString(exact[0] ?? '')}`);
  else if (exact.length > 1) parts.unshift(`${column} in (${exact.map(sqlString).join(', ')})`);
  return parts.length === 1 ? (parts[0] ?? null) : `(${parts.join(' or ')})`;
}

function sqlData(path: string, value: string): string {
  const keys = path.split('.');
  if (value === '*') return `data #> ${sqlString(`{${keys.map(arrayItem).join(',')}}`)} is not null`;
  const parsed = scalarOf(value);
  const nested = keys.reduceRight<Json>((inner, key) => ({ [key]: inner }), parsed);
  // Containment can use a GIN index; a step into an array cannot be written that way.
  if (keys.some((key) => /^\d+$/.test(key))) return `data #> ${sqlString(`{${keys.map(arrayItem).join(',')}}`)} = ${sqlString(printJson(parsed))}`;
  return `data @> ${sqlString(printJson(nested))}`;
}

function arrayItem(key: string): string {
  return /^[\w-]+$/.test(key) && key.toLowerCase() !== 'null' ? key : `"${key.replace(/["\\]/g, '\\$&')}"`;
}

/** What a filter's value stands for: a JSON scalar when it reads as one, else the text itself. */
export function scalarOf(value: string): Json {
  try {
    const parsed = parseJson(value);
    if (parsed === null || typeof parsed !== 'object' || parsed instanceof BigNumber) return parsed;
  } catch {
    // Not JSON: then it is text.
  }
  return value;
}

export function sqlOf(query: { filters: readonly Filter[]; from: string; to: string; order: 'desc' | 'asc'; limit: number }): string {
  const of = (field: Filter['field']) => query.filters.filter((f) => f.field === field).map((f) => f.value);
  const conditions = [
    `time >= ${sqlString(query.from)}`,
    `time < ${sqlString(query.to)}`,
    sqlCondition('source', of('source')),
    sqlCondition('type', of('type')),
    sqlCondition('subject', of('subject')),
    ...query.filters.flatMap((f) => (f.field === 'data' ? [sqlData(f.path, f.value)] : [])),
  ].filter((c) => c !== null);
  return `select time, source, type, subject, data\nfrom events\nwhere ${conditions.join('\n  and ')}\norder by time ${query.order}, uid ${query.order}\nlimit ${query.limit};`;
}
