/** Gives each source or type a colour and keeps it while one looks around. */

/** How many colours `tokens.css` has; what is beyond them is grey. */
export const COLOURS = 7;

export class Palette {
  readonly #slots = new Map<string, number>();

  /** Assigns colours to these keys, most important first. Keys that had one keep it; a free one is taken, or that of a key that is gone. */
  assign(keys: readonly string[]): void {
    const wanted = keys.slice(0, COLOURS);
    const taken = new Set(wanted.flatMap((key) => this.#slots.get(key) ?? []));
    for (const key of wanted) {
      if (this.#slots.has(key)) continue;
      let slot = 0;
      while (taken.has(slot)) slot += 1;
      for (const [other, at] of this.#slots) if (at === slot) this.#slots.delete(other);
      this.#slots.set(key, slot);
      taken.add(slot);
    }
  }

  /** The colour's number, or null for grey. */
  of(key: string): number | null {
    return this.#slots.get(key) ?? null;
  }
}
