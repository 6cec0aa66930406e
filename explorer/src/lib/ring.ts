/** The newest rows of the live tail, newest first, and those that wait while it is paused. */

export class Ring<T> {
  readonly #most: number;
  #rows: T[] = [];
  #waiting: T[] = [];
  /** Rows that came while paused and had to be let go because the page holds only so many. */
  dropped = 0;

  constructor(most: number) {
    this.#most = most;
  }

  get rows(): readonly T[] {
    return this.#rows;
  }

  get waiting(): number {
    return this.#waiting.length + this.dropped;
  }

  /** Adds rows in the order they came. Paused ones wait. */
  add(rows: readonly T[], paused: boolean): void {
    if (paused) {
      this.#waiting.push(...rows);
      const over = this.#waiting.length - this.#most;
      if (over > 0) {
        this.#waiting.splice(0, over);
        this.dropped += over;
      }
      return;
    }
    this.#rows = [...rows.toReversed(), ...this.#rows].slice(0, this.#most);
  }

  /** Adds rows that are older than all others, newest first. */
  addOlder(rows: readonly T[]): void {
    this.#rows = [...this.#rows, ...rows].slice(0, this.#most);
  }

  /** Shows what waited. Returns how many of them were let go. */
  release(): number {
    const waited = this.#waiting;
    const dropped = this.dropped;
    this.#waiting = [];
    this.dropped = 0;
    this.add(waited, false);
    return dropped;
  }
}
