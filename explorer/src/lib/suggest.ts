/** What the filter field offers while one types. */
import { type Filter, parseFilter } from './filter';

export interface Suggestion {
  /** The filter it adds; null when it only completes the text. */
  filter: Filter | null;
  /** The text the field gets when it completes. */
  text: string;
  label: string;
  value: string;
  count: number | null;
}

export interface Known {
  source: readonly { value: string; count: number }[];
  type: readonly { value: string; count: number }[];
}

const FIELDS = [
  { name: 'source', example: 'source = shop-*' },
  { name: 'type', example: 'type = order.*' },
  { name: 'subject', example: 'subject = ord_1234' },
  { name: 'data.', example: 'data.actor.email = ana@example.com' },
] as const;

const MOST = 8;

export function suggest(input: string, known: Known): Suggestion[] {
  const text = input.trim();
  const typed = parseFilter(text);
  const out: Suggestion[] = [];
  const [, field, rest] = /^(source|type)\s*[=:]\s*(.*)$/.exec(text) ?? [];

  if (field === 'source' || field === 'type') {
    out.push(...known[field].filter((k) => includes(k.value, rest ?? '')).map((k) => valueOf(field, k)));
  } else if (typed === null) {
    for (const { name, example } of FIELDS) {
      if (name.startsWith(text) || text === '') out.push({ filter: null, text: name === 'data.' ? name : `${name}=`, label: name, value: example, count: null });
    }
    if (text !== '') {
      for (const by of ['type', 'source'] as const) out.push(...known[by].filter((k) => includes(k.value, text)).map((k) => valueOf(by, k)));
      if (!/[=:]/.test(text)) out.push({ filter: { field: 'subject', value: text }, text, label: 'subject', value: text, count: null });
    }
  }
  const listed = out.slice(0, MOST);
  // What was typed out in full comes first, unless it is one of the known values already.
  if (typed && !listed.some((s) => s.filter?.value === typed.value && s.filter.field === typed.field)) {
    listed.unshift({ filter: typed, text, label: typed.field === 'data' ? `data.${typed.path}` : typed.field, value: typed.value, count: null });
  }
  return listed;
}

function valueOf(field: 'source' | 'type', { value, count }: { value: string; count: number }): Suggestion {
  return { filter: { field, value }, text: `${field}=${value}`, label: field, value, count };
}

function includes(value: string, part: string): boolean {
  return value.toLowerCase().includes(part.toLowerCase().replace(/\*$/, ''));
}
