/** JSON without loss: a number that JavaScript would round is kept as the digits that came. */

export type Json = string | number | boolean | null | BigNumber | Json[] | { [key: string]: Json };

/** A number that `number` cannot hold exactly, or that would print differently. */
export class BigNumber {
  readonly source: string;
  constructor(source: string) {
    this.source = source;
  }
  toString(): string {
    return this.source;
  }
}

/** Texts without such digits take the fast path: no number in them can be changed by parsing. */
const DELICATE = /\d{16}|\d\.\d*0(?!\d)|\d[eE]|-0(?![.\d])|\d\.\d{15}/;

type Reviver = (this: unknown, key: string, value: unknown, context?: { source?: string }) => unknown;

/** Parses; throws a SyntaxError as `JSON.parse` does. */
export function parseJson(text: string): Json {
  if (!DELICATE.test(text)) return JSON.parse(text) as Json;
  const exact: Reviver = (_key, value, context) =>
    typeof value === 'number' && context?.source !== undefined && String(value) !== context.source ? new BigNumber(context.source) : value;
  return JSON.parse(text, exact) as Json;
}

/** An object of which some members may be absent, as a shape of the API is. */
export type JsonShape = Readonly<Record<string, Json | undefined>>;

/** Prints as `JSON.stringify` would, with exact numbers. */
export function printJson(value: Json | JsonShape | undefined, indent = 0, depth = 0): string {
  if (value === undefined) return '';
  if (value instanceof BigNumber) return value.source;
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  const array = Array.isArray(value);
  const items = array
    ? value.map((item) => printJson(item, indent, depth + 1))
    : Object.entries(value).filter(([, item]) => item !== undefined).map(([key, item]) => `${JSON.stringify(key)}:${indent > 0 ? ' ' : ''}${printJson(item, indent, depth + 1)}`);
  const [open, close] = array ? ['[', ']'] : ['{', '}'];
  if (items.length === 0) return open + close;
  if (indent === 0) return open + items.join(',') + close;
  const pad = ' '.repeat(indent * (depth + 1));
  return `${open}\n${items.map((item) => pad + item).join(',\n')}\n${' '.repeat(indent * depth)}${close}`;
}

/** What kind of value this is, for colours and for filters. */
export function kindOf(value: Json): 'string' | 'number' | 'boolean' | 'null' | 'array' | 'object' {
  if (value === null) return 'null';
  if (value instanceof BigNumber) return 'number';
  if (Array.isArray(value)) return 'array';
  const kind = typeof value;
  return kind === 'string' || kind === 'number' || kind === 'boolean' ? kind : 'object';
}

/** A value as one line of `key=value` pairs, deep ones flattened, cut at `limit` characters. */
export function previewOf(value: Json | undefined, limit: number): { key: string; value: string }[] {
  const pairs: { key: string; value: string }[] = [];
  let room = limit;
  const visit = (at: Json, path: string, depth: number): void => {
    if (room <= 0) return;
    if (at !== null && typeof at === 'object' && !(at instanceof BigNumber) && !Array.isArray(at) && depth < 3) {
      for (const key of Object.keys(at)) visit(at[key] ?? null, path === '' ? key : `${path}.${key}`, depth + 1);
      return;
    }
    const text = typeof at === 'string' ? at.slice(0, room) : printJson(at).slice(0, room);
    pairs.push({ key: path, value: text });
    room -= path.length + text.length + 2;
  };
  if (value !== undefined) visit(value, '', 0);
  return pairs;
}

/** The value at a dotted path, or undefined. Only own members count, so that `__proto__` finds nothing. */
export function valueAt(value: Json | undefined, path: string): Json | undefined {
  let at: Json | undefined = value;
  for (const key of path.split('.')) {
    if (at === null || typeof at !== 'object' || at instanceof BigNumber || !Object.hasOwn(at, key)) return undefined;
    at = (at as Record<string, Json>)[key];
  }
  return at;
}
