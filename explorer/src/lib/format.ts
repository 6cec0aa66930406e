/** Numbers and sizes for people. */

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });

/** `12,345`. */
export function count(n: number): string {
  return whole.format(n);
}

/** `999`, `12.3k`, `4.5M`: three significant digits at most. */
export function short(n: number): string {
  if (Math.abs(n) < 1000) return String(Math.round(n));
  for (const [size, unit] of [[1e9, 'B'], [1e6, 'M'], [1e3, 'k']] as const) {
    // 999 950 would print as 1000k: it belongs to the next unit.
    if (Math.abs(n) >= size * 0.9995) {
      const value = n / size;
      return `${value.toFixed(Math.abs(value) >= 99.95 ? 0 : 1).replace(/\.0$/, '')}${unit}`;
    }
  }
  return String(n);
}

export function bytes(n: number): string {
  if (n < 1000) return `${n} B`;
  for (const [size, unit] of [[1e9, 'GB'], [1e6, 'MB'], [1e3, 'kB']] as const) {
    if (n >= size * 0.9995) return `${(n / size).toFixed(n / size >= 99.95 ? 0 : 1)} ${unit}`;
  }
  return `${n} B`;
}

export function plural(n: number, one: string, many = `${one}s`): string {
  return `${count(n)} ${n === 1 ? one : many}`;
}

/** Seconds as `850 ms`, `12.3 s`, `4 min`, `2 h`. */
export function seconds(s: number): string {
  if (s < 0.9995) return `${Math.round(s * 1000)} ms`;
  if (s < 59.95) return `${s.toFixed(s < 9.95 ? 1 : 0)} s`;
  return s < 3570 ? `${Math.round(s / 60)} min` : `${(s / 3600).toFixed(1).replace(/\.0$/, '')} h`;
}

/** The trace id inside a W3C `traceparent`, or null. */
export function traceIdOf(traceparent: string | undefined): string | null {
  return /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}/.exec(traceparent ?? '')?.[1] ?? null;
}
