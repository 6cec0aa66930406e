import { describe, expect, it } from 'vitest';
import { curlOf, scalarOf, shellQuote, sqlOf, sqlString } from '../../src/lib/copy-as';
import { BigNumber } from '../../src/lib/json';
import { dataFilter, matches, parseFilter, passes } from '../../src/lib/filter';
import { bytes, seconds, short, traceIdOf } from '../../src/lib/format';
import { suggest } from '../../src/lib/suggest';
import { hasHidden, plainVisible, segmentsOf } from '../../src/lib/visible';
import type { WireEvent } from '../../src/api/wire';

describe('text from outside', () => {
  it('has its invisible and reordering characters shown', () => {
    expect(plainVisible('a\u202egnp.exe')).toBe('a[U+202E]gnp.exe');
    for (const c of ['\u0000', '\u001b', '\u0085', '\u200b', '\u200f', '\u2028', '\u2066', '\ufeff', '\ud800', '\udc00', '\u{e0041}', '\u00ad']) expect(hasHidden(`x${c}y`), c).toBe(true);
  });

  it('is left alone when it is only foreign', () => {
    for (const text of ['שלום', 'مستأجر', '日本', '🇧🇷', 'a\nb\tc', '']) expect(hasHidden(text), text).toBe(false);
  });

  it('loses nothing', () => {
    expect(segmentsOf('a\u202eb').map((s) => ('text' in s ? s.text : s.code))).toEqual(['a', 'U+202E', 'b']);
  });
});

describe('filters', () => {
  it('are read as they are typed', () => {
    expect(parseFilter(' source = shop-* ')).toEqual({ field: 'source', value: 'shop-*' });
    expect(parseFilter('type:order.placed')).toEqual({ field: 'type', value: 'order.placed' });
    expect(parseFilter('data.a.b=x=y')).toEqual({ field: 'data', path: 'a.b', value: 'x=y' });
    for (const text of ['', 'source', 'source=', 'data.=1', 'other=1', 'data=1']) expect(parseFilter(text), text).toBeNull();
  });

  it('tell a number from the text that looks like it', () => {
    expect(dataFilter(['n'], 5)).toEqual({ field: 'data', path: 'n', value: '5' });
    expect(dataFilter(['n'], '5')).toEqual({ field: 'data', path: 'n', value: '"5"' });
    expect(dataFilter(['n'], new BigNumber('1.10'))).toEqual({ field: 'data', path: 'n', value: '1.10' });
    expect(dataFilter(['n'], '*')).toEqual({ field: 'data', path: 'n', value: '"*"' });
    expect(dataFilter(['n'], null)).toEqual({ field: 'data', path: 'n', value: 'null' });
  });

  it('are not offered where they could not be said', () => {
    expect(dataFilter(['a.b'], 1)).toBeNull();
    expect(dataFilter([''], 1)).toBeNull();
    expect(dataFilter(['a'], { b: 1 })).toBeNull();
    expect(dataFilter(['a'], [1])).toBeNull();
    expect(dataFilter(['a'], { source: 'not a number' })).toBeNull();
  });

  it('hold for events: alternatives within a field, all of them across', () => {
    const event = { source: 'shop-web', type: 'order.placed', data: { n: 5, s: '5', deep: { x: [true] } } } as unknown as WireEvent;
    const f = (text: string) => parseFilter(text) ?? { field: 'type' as const, value: '' };
    expect(passes(event, [f('source=billing'), f('source=shop-*'), f('type=order.placed')])).toBe(true);
    expect(passes(event, [f('source=shop-*'), f('type=other')])).toBe(false);
    expect(passes(event, [f('data.n=5')])).toBe(true);
    expect(passes(event, [f('data.s=5')])).toBe(false);
    expect(passes(event, [f('data.s="5"'), f('data.deep.x.0=true'), f('data.n=*')])).toBe(true);
    expect(matches('a*', 'a')).toBe(true);
  });
});

describe('suggest', () => {
  const known = { source: [{ value: 'payments', count: 5 }], type: [{ value: 'payment.captured', count: 9 }] };

  it('offers known values, and what was typed first', () => {
    expect(suggest('pay', known).map((s) => `${s.label}=${s.value}`)).toEqual(['type=payment.captured', 'source=payments', 'subject=pay']);
    expect(suggest('source=pa', known).map((s) => s.value)).toEqual(['pa', 'payments']);
    expect(suggest('source=payments', known)).toHaveLength(1);
    expect(suggest('data.a=1', known)[0]?.filter).toEqual({ field: 'data', path: 'a', value: '1' });
    expect(suggest('', known).filter((s) => s.filter === null)).toHaveLength(4);
  });
});

describe('copied commands', () => {
  it('quote everything and carry no key', () => {
    expect(shellQuote(`a'b$(rm)`)).toBe(`'a'\\''b$(rm)'`);
    expect(curlOf("http://x/v1/events?source=a'b")).toBe(`curl -sS -H "Authorization: Bearer $FLUMEN_KEY" 'http://x/v1/events?source=a'\\''b'`);
    expect(sqlString("'; drop table events; --\0")).toBe("'''; drop table events; --'");
  });

  it('make SQL of every filter', () => {
    const sql = sqlOf({
      filters: [
        { field: 'source', value: "o'hara" }, { field: 'source', value: '50%_*' }, { field: 'type', value: 'a' }, { field: 'type', value: 'b' },
        { field: 'data', path: 'actor.id', value: '7' }, { field: 'data', path: 'items.0.sku', value: 'x' }, { field: 'data', path: 'gone', value: '*' },
      ],
      from: '2026-01-01T00:00:00Z', to: '2026-01-02T00:00:00Z', order: 'desc', limit: 100,
    });
    expect(sql).toBe(`select time, source, type, subject, data
from events
where time >= '2026-01-01T00:00:00Z'
  and time < '2026-01-02T00:00:00Z'
  and (source = 'o''hara' or source like '50\\%\\_%')
  and type in ('a', 'b')
  and data @> '{"actor":{"id":7}}'
  and data #> '{items,0,sku}' = '"x"'
  and data #> '{gone}' is not null
order by time desc, uid desc
limit 100;`);
  });

  it('know what a value stands for', () => {
    expect([scalarOf('7'), scalarOf('"7"'), scalarOf('true'), scalarOf('abc'), scalarOf('{"a":1}')]).toEqual([7, '7', true, 'abc', '{"a":1}']);
  });
});

describe('numbers', () => {
  it('are short', () => {
    expect([0, 999, 1000, 12_345, 999_949, 999_950, 1_500_000, 2e9].map(short)).toEqual(['0', '999', '1k', '12.3k', '1M', '1M', '1.5M', '2B']);
    expect([999, 1500, 999_999, 12_400_000].map(bytes)).toEqual(['999 B', '1.5 kB', '1.0 MB', '12.4 MB']);
    expect([0.0004, 0.85, 12.34, 60, 3600].map(seconds)).toEqual(['0 ms', '850 ms', '12 s', '1 min', '1 h']);
  });

  it('take the trace id out of a traceparent', () => {
    expect(traceIdOf('00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01')).toBe('4bf92f3577b34da6a3ce929d0e0e4736');
    expect(traceIdOf('<script>')).toBeNull();
    expect(traceIdOf(undefined)).toBeNull();
  });
});
