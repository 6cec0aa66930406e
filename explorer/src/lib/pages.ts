/**
 * Rows that are read page by page through cursors. The rows of pages far from what is in sight are let go
 * and read again by their own cursor when one scrolls back, so any depth costs the same memory.
 */

export interface Page<T> {
  /** The cursor that reads this page; null for the first. */
  cursor: string | null;
  /** Position of its first row. */
  start: number;
  size: number;
  rows: readonly T[] | null;
}

/** About 25 MB of ordinary events. */
const MOST_LOADED = 120;

export class Pages<T> {
  readonly pages: Page<T>[] = [];
  length = 0;
  /** Reads what follows the last page; null at the end. */
  next: string | null = null;
  ended = false;

  /** Adds the page that follows. An empty page moves the cursor on and is not kept. */
  append(rows: readonly T[], next: string | null): void {
    if (rows.length > 0) this.pages.push({ cursor: this.next, start: this.length, size: rows.length, rows });
    this.length += rows.length;
    this.next = next;
    this.ended = next === null;
  }

  at(index: number): T | undefined {
    const page = this.#pageOf(index);
    return page?.rows?.[index - page.start];
  }

  /** The position of the first row that is there and fits, or -1. */
  find(fits: (row: T) => boolean): number {
    for (const page of this.pages) {
      const at = page.rows?.findIndex(fits) ?? -1;
      if (at >= 0) return page.start + at;
    }
    return -1;
  }

  /** The pages between two rows whose rows were let go. */
  missing(start: number, end: number): Page<T>[] {
    const pages: Page<T>[] = [];
    for (let i = this.#indexOf(start); i < this.pages.length; i += 1) {
      const page = this.pages[i];
      if (!page || page.start >= end) break;
      if (page.rows === null) pages.push(page);
    }
    return pages;
  }

  /** Puts rows back. Events may have been added since (late ones); the page keeps the size it had, so that nothing jumps. */
  restore(page: Page<T>, rows: readonly T[]): void {
    page.rows = rows.slice(0, page.size);
  }

  /** Lets go of what is far from a row. */
  forget(around: number): void {
    if (this.pages.length <= MOST_LOADED) return;
    const here = this.#indexOf(around);
    this.pages.forEach((page, index) => {
      if (Math.abs(index - here) > MOST_LOADED / 2) page.rows = null;
    });
  }

  #pageOf(index: number): Page<T> | undefined {
    return index < 0 || index >= this.length ? undefined : this.pages[this.#indexOf(index)];
  }

  /** Which page a row is in; rows beyond the ends count to the first and the last. */
  #indexOf(row: number): number {
    let low = 0;
    let high = this.pages.length - 1;
    while (low < high) {
      const mid = (low + high + 1) >>> 1;
      if ((this.pages[mid]?.start ?? 0) <= row) low = mid;
      else high = mid - 1;
    }
    return Math.max(0, low);
  }
}
