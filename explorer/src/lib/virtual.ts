/**
 * Which rows of a very long list are in sight. Browsers cap the height of an element (Firefox at about
 * 17 million pixels), so beyond a safe height scrolling is scaled: each pixel then stands for more than one.
 */

/** Under every browser's cap. */
const MAX_HEIGHT = 8_000_000;

export interface Window {
  /** First and one past the last row to draw. */
  start: number;
  end: number;
  /** Where the first of them is put, in pixels from the top of the scrolled element. */
  offset: number;
  /** The height of the scrolled element. */
  height: number;
}

export function windowOf(scrollTop: number, viewport: number, rows: number, rowHeight: number, overscan: number): Window {
  const full = rows * rowHeight;
  const height = Math.min(full, MAX_HEIGHT);
  const top = Math.min(Math.max(0, scrollTop), Math.max(0, height - viewport));
  const real = top * scale(full, height, viewport);
  const first = Math.floor(real / rowHeight);
  const start = Math.max(0, first - overscan);
  const end = Math.min(rows, Math.ceil((real + viewport) / rowHeight) + overscan);
  return { start, end, offset: top - (real - start * rowHeight), height };
}

/** Where to scroll so that a row is wholly in sight, or null when it already is. */
export function scrollToRow(row: number, scrollTop: number, viewport: number, rows: number, rowHeight: number): number | null {
  const full = rows * rowHeight;
  const height = Math.min(full, MAX_HEIGHT);
  const factor = scale(full, height, viewport);
  const real = scrollTop * factor;
  if (row * rowHeight < real) return (row * rowHeight) / factor;
  if ((row + 1) * rowHeight > real + viewport) return ((row + 1) * rowHeight - viewport) / factor;
  return null;
}

function scale(full: number, height: number, viewport: number): number {
  return full <= height || height <= viewport ? 1 : (full - viewport) / (height - viewport);
}
