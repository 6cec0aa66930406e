import { describe, expect, it } from 'vitest';
import { Pages } from '../../src/lib/pages';
import { Ring } from '../../src/lib/ring';
import { scrollToRow, windowOf } from '../../src/lib/virtual';

describe('windowOf', () => {
  it('covers what is in sight', () => {
    expect(windowOf(320, 640, 1000, 32, 2)).toEqual({ start: 8, end: 32, offset: 256, height: 32_000 });
    expect(windowOf(0, 640, 3, 32, 5)).toMatchObject({ start: 0, end: 3, height: 96 });
    expect(windowOf(0, 640, 0, 32, 5)).toMatchObject({ start: 0, end: 0, height: 0 });
  });

  it('reaches the last of ten million rows within the height browsers allow', () => {
    const rows = 10_000_000;
    const { height } = windowOf(0, 600, rows, 32, 4);
    expect(height).toBeLessThan(16_000_000);
    const bottom = windowOf(height - 600, 600, rows, 32, 4);
    expect(bottom.end).toBe(rows);
    // The last row ends where the scrolled element ends.
    expect(bottom.offset + (bottom.end - bottom.start) * 32).toBeCloseTo(height, 3);
  });

  it('keeps rows and their places together at every position', () => {
    for (let top = 0; top <= 8_000_000 - 600; top += 333_333) {
      const win = windowOf(top, 600, 5_000_000, 32, 4);
      expect(win.offset).toBeLessThanOrEqual(top);
      expect(win.offset + (win.end - win.start) * 32).toBeGreaterThanOrEqual(top + 600);
    }
  });
});

describe('scrollToRow', () => {
  it('moves only when it must', () => {
    expect(scrollToRow(5, 0, 640, 1000, 32)).toBeNull();
    expect(scrollToRow(100, 0, 640, 1000, 32)).toBe(101 * 32 - 640);
    expect(scrollToRow(2, 640, 640, 1000, 32)).toBe(64);
  });
});

describe('Pages', () => {
  const fill = (n: number, size = 100): Pages<number> => {
    const pages = new Pages<number>();
    for (let p = 0; p < n; p += 1) pages.append(Array.from({ length: size }, (_, i) => p * size + i), p === n - 1 ? null : `c${p + 1}`);
    return pages;
  };

  it('reads on from the cursor of the last page and knows the end', () => {
    const pages = new Pages<string>();
    pages.append(['a'], 'c1');
    pages.append([], 'c2');
    pages.append(['b'], null);
    expect(pages.pages.map((p) => p.cursor)).toEqual([null, 'c2']);
    expect([pages.length, pages.ended, pages.at(1)]).toEqual([2, true, 'b']);
  });

  it('lets go of far pages and brings them back by their own cursor', () => {
    const pages = fill(1000);
    pages.forget(99_950);
    expect(pages.at(0)).toBeUndefined();
    expect(pages.at(99_999)).toBe(99_999);
    expect(pages.pages.filter((p) => p.rows !== null).length).toBeLessThan(130);
    const [missing] = pages.missing(200, 220);
    expect(missing?.cursor).toBe('c2');
    if (missing) pages.restore(missing, Array.from({ length: 100 }, (_, i) => 200 + i));
    expect([pages.at(200), pages.length, pages.missing(200, 220)]).toEqual([200, 100_000, []]);
  });

  it('has pages of any size', () => {
    const pages = new Pages<number>();
    pages.append([0, 1, 2], 'a');
    pages.append([3], 'b');
    pages.append([4, 5], null);
    expect([0, 1, 2, 3, 4, 5].map((i) => pages.at(i))).toEqual([0, 1, 2, 3, 4, 5]);
    expect([pages.at(-1), pages.at(6)]).toEqual([undefined, undefined]);
    expect([pages.find((n) => n === 4), pages.find((n) => n === 9)]).toEqual([4, -1]);
  });
});

describe('Ring', () => {
  it('has the newest first and only so many', () => {
    const ring = new Ring<number>(4);
    ring.add([1, 2, 3], false);
    ring.add([4, 5], false);
    expect(ring.rows).toEqual([5, 4, 3, 2]);
  });

  it('takes older rows below the others', () => {
    const ring = new Ring<number>(3);
    ring.add([8, 9], false);
    ring.addOlder([7, 6, 5]);
    expect(ring.rows).toEqual([9, 8, 7]);
  });

  it('keeps what comes while paused, and says what it let go', () => {
    const ring = new Ring<number>(3);
    ring.add([1], false);
    ring.add([2, 3, 4, 5, 6], true);
    expect([ring.rows, ring.waiting]).toEqual([[1], 5]);
    expect(ring.release()).toBe(2);
    expect([ring.rows, ring.waiting]).toEqual([[6, 5, 4], 0]);
  });
});
