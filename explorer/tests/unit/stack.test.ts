import { describe, expect, it } from 'vitest';
import { COLOURS, Palette } from '../../src/lib/palette';
import { OTHER } from '../../src/api/stats';
import { cumulate, topSeries, visibleSeries } from '../../src/lib/stack';

const of = (key: string, ...counts: number[]) => ({ key, counts, total: counts.reduce((a, b) => a + b, 0) });

describe('topSeries', () => {
  it('keeps the largest and sums the rest, so that no event is lost', () => {
    const all = [of('a', 1, 2), of('b', 9, 9), of('c', 3, 0), of('d', 1, 1)];
    const top = topSeries(all, 2);
    expect(top.map((s) => s.key)).toEqual(['b', 'a', OTHER]);
    expect(top[2]).toEqual({ key: OTHER, counts: [4, 1], total: 5 });
    expect(top.reduce((sum, s) => sum + s.total, 0)).toBe(all.reduce((sum, s) => sum + s.total, 0));
  });

  it('joins its rest with that of the server', () => {
    expect(topSeries([of(OTHER, 90), of('a', 5), of('b', 3), of('c', 1)], 2)).toEqual([of('a', 5), of('b', 3), of(OTHER, 91)]);
  });

  it('adds no rest where there is none, and orders ties by name', () => {
    expect(topSeries([of('b', 1), of('a', 1)], 2).map((s) => s.key)).toEqual(['a', 'b']);
    expect(topSeries([], 3)).toEqual([]);
  });
});

describe('cumulate', () => {
  it('stacks each series on those below', () => {
    expect(cumulate([of('a', 1, 2), of('b', 3, 0), of('c', 0, 5)], 2)).toEqual([[1, 2], [4, 2], [4, 7]]);
  });

  it('leaves out what is hidden', () => {
    expect(cumulate(visibleSeries([of('a', 1), of('b', 3)], new Set(['a'])), 1)).toEqual([[3]]);
  });
});

describe('Palette', () => {
  it('keeps the colour of a series while one looks around', () => {
    const palette = new Palette();
    palette.assign(['a', 'b', 'c']);
    palette.assign(['c', 'd']);
    expect([palette.of('c'), palette.of('d')]).toEqual([2, 0]);
    expect(palette.of('a')).toBeNull();
    palette.assign(['a', 'c']);
    expect(palette.of('c')).toBe(2);
  });

  it('gives no two of what is shown the same colour', () => {
    const palette = new Palette();
    for (let round = 0; round < 50; round += 1) {
      const keys = Array.from({ length: COLOURS + 3 }, (_, i) => `k${(round * 7 + i * 3) % 23}`);
      palette.assign(keys);
      const slots = keys.slice(0, COLOURS).map((k) => palette.of(k));
      expect(new Set(slots).size).toBe(new Set(keys.slice(0, COLOURS)).size);
      expect(slots.every((s) => s !== null && s >= 0 && s < COLOURS)).toBe(true);
    }
  });
});
