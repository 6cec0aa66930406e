import { describe, expect, it } from 'vitest';
import { DEFAULT_VIEW, parseView, printView, queryOf, toggleFilter, type View } from '../../src/lib/view';

const full: View = {
  panel: 'explore',
  range: { kind: 'between', from: Date.UTC(2026, 10, 20, 8), to: Date.UTC(2026, 10, 21, 9, 30, 15) },
  filters: [
    { field: 'source', value: 'shop-*' },
    { field: 'type', value: 'order & <b>&amp;' },
    { field: 'subject', value: 'a+b c' },
    { field: 'data', path: 'actor.email', value: 'ana@example.com' },
  ],
  by: 'source',
  order: 'asc',
  columns: ['type', 'data.actor.id'],
  live: true,
  event: '01a1fe14-57a9-85be-a94e-658f52344399',
};

describe('the view in the address', () => {
  it('comes back as it was', () => {
    expect(parseView(printView(full))).toEqual(full);
    expect(parseView(printView({ ...full, columns: [], range: { kind: 'last', seconds: 900 } }))).toEqual({ ...full, columns: [], range: { kind: 'last', seconds: 900 } });
  });

  it('is empty for the view one starts with', () => {
    expect(printView(DEFAULT_VIEW)).toBe('');
    expect(parseView('')).toEqual(DEFAULT_VIEW);
  });

  it('leaves out what cannot be understood', () => {
    expect(parseView('?range=forever&from=x&to=y&by=colour&order=up&event=1&panel=admin&source=&data.=1&%=%')).toEqual(DEFAULT_VIEW);
    expect(parseView('?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z').range).toEqual(DEFAULT_VIEW.range);
  });

  it('bounds what an address can ask for', () => {
    expect(parseView(`?${Array.from({ length: 500 }, (_, i) => `source=s${i}&col=c${i}`).join('&')}`).filters).toHaveLength(50);
    expect(parseView('?source=a&source=a').filters).toHaveLength(1);
  });

  it('never holds a key', () => {
    expect(JSON.stringify(parseView('?key=fl_secret&api_key=fl_secret&token=fl_secret'))).not.toContain('fl_secret');
  });
});

describe('queryOf', () => {
  it('pins a relative range to a moment', () => {
    const query = queryOf({ range: { kind: 'last', seconds: 3600 }, filters: full.filters }, Date.UTC(2026, 0, 1, 12));
    expect(query).toMatchObject({ from: '2026-01-01T11:00:00Z', to: '2026-01-01T12:00:00Z', sources: ['shop-*'], subjects: ['a+b c'], data: [{ path: 'actor.email' }] });
  });
});

describe('toggleFilter', () => {
  it('adds and takes away', () => {
    const one = { field: 'type', value: 'x' } as const;
    expect(toggleFilter(toggleFilter([], one), one)).toEqual([]);
  });
});
