/**
 * Rows that are read page by page through cursors. The rows of pages far from what is in sight are let go
 * and read again by their own cursor when one scrolls back, so any depth costs the same memory.
 */

export interface Page<T> {
  /** The cursor that reads this page; null for the first. */
  cursor: string | null;
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
    if (rows.length > 0) this.pages.push({ cursor: this.next, size: rows.length, rows });
    this.length += rows.length;
    this.next = next;
    this.ended = next === null;
  }

  at(index: number): T | undefined {
    const found = this.#find(index);
    return found?.page.rows?.[index - found.start];
  }

  /** The pages between two rows whose rows were let go. */
  missing(start: number, end: number): Page<T>[] {
    const pages: Page<T>[] = [];
    let at = 0;
    for (const page of this.pages) {
      if (at < end && at + page.size > start && page.rows === null) pages.push(page);
      at += page.size;
      if (at >= end) break;
    }
    return pages;
  }

  /** Puts rows back. Events may have been added since (late ones); the page keeps the size it had, so that nothing jumps. */
  restore(page: Page<T>, rows: readonly T[]): void {
    page.rows = rows.slice(0, page.size);
  }

  /** Lets go of what is far from a row. */
  forget(around: number): void {
    const here = this.#find(Math.min(Math.max(0, around), Math.max(0, this.length - 1)))?.index ?? 0;
    const half = MOST_LOADED / 2;
    this.pages.forEach((page, index) => {
      if (Math.abs(index - here) > half) page.rows = null;
    });
  }

  #find(index: number): { page: Page<T>; start: number; index: number } | null {
    if (index < 0 || index >= this.length) return null;
    let start = 0;
    for (const [i, page] of this.pages.entries()) {
      if (index < start + page.size) return { page, start, index: i };
      start += page.size;
    }
    return null;
  }
}
