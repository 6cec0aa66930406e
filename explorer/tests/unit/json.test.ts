import { describe, expect, it } from 'vitest';
import { BigNumber, kindOf, parseJson, previewOf, printJson, valueAt } from '../../src/lib/json';

describe('parseJson', () => {
  // Exact numbers need the source text that browsers hand to a reviver and Node 20 does not: the browser tests have that.
  it('reads what JSON.parse reads', () => {
    const text = '{"a":[1,2,{"b":null}],"c":"\\u202e","d":true,"e":-1.5}';
    expect(parseJson(text)).toEqual(JSON.parse(text));
    expect(() => parseJson('{')).toThrow(SyntaxError);
  });

  it('keeps __proto__ an ordinary member', () => {
    const value = parseJson('{"__proto__":{"polluted":true}}');
    expect(Object.keys(value as object)).toEqual(['__proto__']);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
    expect(printJson(value)).toBe('{"__proto__":{"polluted":true}}');
  });
});

describe('printJson', () => {
  it('prints as JSON.stringify does', () => {
    const value = { a: [1, [], {}, { b: 'x"y' }], c: null, d: false };
    expect(printJson(value)).toBe(JSON.stringify(value));
    expect(printJson(value, 2)).toBe(JSON.stringify(value, null, 2));
  });

  it('prints exact numbers as they came', () => {
    expect(printJson([new BigNumber('1.10')])).toBe('[1.10]');
    expect(kindOf(new BigNumber('1.10'))).toBe('number');
  });
});

describe('previewOf', () => {
  it('flattens objects and stops at the limit', () => {
    expect(previewOf({ a: { b: 1 }, c: 'x' }, 100)).toEqual([{ key: 'a.b', value: '1' }, { key: 'c', value: 'x' }]);
    expect(previewOf({ a: 'y'.repeat(1000), b: 2 }, 50)).toHaveLength(1);
    expect(previewOf(undefined, 10)).toEqual([]);
  });
});

describe('valueAt', () => {
  it('finds own members and items only', () => {
    expect(valueAt({ a: [{ b: 7 }] }, 'a.0.b')).toBe(7);
    expect(valueAt({ a: 1 }, 'toString')).toBeUndefined();
    expect(valueAt({ a: 1 }, '__proto__.x')).toBeUndefined();
    expect(valueAt('text', 'length')).toBeUndefined();
  });
});
