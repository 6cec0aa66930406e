/** Ranges of time: presets, what people type, and how times are written. */

export type Range = { kind: 'last'; seconds: number } | { kind: 'between'; from: number; to: number };

export const SECOND = 1000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

export const PRESETS: readonly { label: string; short: string }[] = [
  { label: 'Last 5 minutes', short: '5m' },
  { label: 'Last 15 minutes', short: '15m' },
  { label: 'Last hour', short: '1h' },
  { label: 'Last 6 hours', short: '6h' },
  { label: 'Last 24 hours', short: '24h' },
  { label: 'Last 2 days', short: '2d' },
  { label: 'Last 7 days', short: '7d' },
  { label: 'Last 30 days', short: '30d' },
  { label: 'Last 90 days', short: '90d' },
];

const UNITS: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };
/** Ten years: more is a slip of the finger. */
const MAX_SECONDS = 3_660 * 86_400;

/** `15m`, `24h`, `7d` in seconds, or null. */
export function parseDuration(text: string): number | null {
  const match = /^(\d{1,6})\s*([smhdw])$/.exec(text.trim().toLowerCase());
  if (!match) return null;
  const seconds = Number(match[1]) * (UNITS[match[2] ?? ''] ?? 0);
  return seconds > 0 && seconds <= MAX_SECONDS ? seconds : null;
}

export function printDuration(seconds: number): string {
  for (const [unit, size] of [['w', 604_800], ['d', 86_400], ['h', 3600], ['m', 60]] as const) {
    if (unit === 'w') continue;
    if (seconds % size === 0 && (unit !== 'd' || seconds > 86_400)) return `${seconds / size}${unit}`;
  }
  return `${seconds}s`;
}

/** A point in time as people write one: RFC 3339, or a local `2026-11-21 12:30[:15]`, or a date. */
export function parseInstant(text: string, utc: boolean): number | null {
  const match = /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?)?\s*(Z|[+-]\d{2}:\d{2})?$/i.exec(text.trim());
  if (!match) return null;
  const [, y, mo, d, h = '00', mi = '00', s = '00', fraction = '', zone] = match;
  const head = `${y}-${mo}-${d}T${h}:${mi}:${s}.${fraction.padEnd(3, '0').slice(0, 3)}`;
  const at = Date.parse(head + (zone === undefined ? (utc ? 'Z' : '') : zone.toUpperCase()));
  // Date.parse lets 30 February become 2 March; the day that comes back must be the day that was asked for.
  if (!Number.isFinite(at) || Number(d) > new Date(Date.UTC(Number(y), Number(mo), 0)).getUTCDate()) return null;
  return at;
}

/** The instants a range means at `now`. The end is exclusive. */
export function resolve(range: Range, now: number): { from: number; to: number } {
  return range.kind === 'last' ? { from: now - range.seconds * SECOND, to: now } : { from: range.from, to: range.to };
}

export function rfc3339(ms: number): string {
  return new Date(ms).toISOString().replace(/\.?0*Z$/, 'Z').replace(/T(\d\d):(\d\d)Z$/, 'T$1:$2:00Z');
}

const two = (n: number) => String(n).padStart(2, '0');

interface Parts { y: number; mo: number; d: number; h: number; mi: number; s: number; ms: number }

function partsOf(ms: number, utc: boolean): Parts {
  const t = new Date(ms);
  return utc
    ? { y: t.getUTCFullYear(), mo: t.getUTCMonth() + 1, d: t.getUTCDate(), h: t.getUTCHours(), mi: t.getUTCMinutes(), s: t.getUTCSeconds(), ms: t.getUTCMilliseconds() }
    : { y: t.getFullYear(), mo: t.getMonth() + 1, d: t.getDate(), h: t.getHours(), mi: t.getMinutes(), s: t.getSeconds(), ms: t.getMilliseconds() };
}

export const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'] as const;

export function dateOf(ms: number, utc: boolean): string {
  const p = partsOf(ms, utc);
  return `${p.y}-${two(p.mo)}-${two(p.d)}`;
}

export function clockOf(ms: number, utc: boolean, precision: 'minute' | 'second' | 'milli' = 'second'): string {
  const p = partsOf(ms, utc);
  const minute = `${two(p.h)}:${two(p.mi)}`;
  if (precision === 'minute') return minute;
  return precision === 'second' ? `${minute}:${two(p.s)}` : `${minute}:${two(p.s)}.${String(p.ms).padStart(3, '0')}`;
}

export function dayOf(ms: number, utc: boolean): string {
  const p = partsOf(ms, utc);
  return `${p.d} ${MONTHS[p.mo - 1] ?? ''}`;
}

/** A range in words, short enough for a button. */
export function describeRange(range: Range, utc: boolean): string {
  if (range.kind === 'last') return PRESETS.find((p) => parseDuration(p.short) === range.seconds)?.label ?? `Last ${printDuration(range.seconds)}`;
  const sameDay = dateOf(range.from, utc) === dateOf(range.to, utc);
  const precise = range.to - range.from < 10 * MINUTE ? 'second' : 'minute';
  const end = sameDay ? clockOf(range.to, utc, precise) : `${dayOf(range.to, utc)} ${clockOf(range.to, utc, precise)}`;
  return `${dayOf(range.from, utc)} ${clockOf(range.from, utc, precise)} – ${end}`;
}

/** How long ago, or how far ahead, in one unit. */
export function ago(ms: number, now: number): string {
  const delta = now - ms;
  const size = Math.abs(delta);
  if (size < 2 * SECOND) return 'just now';
  const text =
    size < MINUTE ? `${Math.floor(size / SECOND)} s` : size < HOUR ? `${Math.floor(size / MINUTE)} min` : size < 2 * DAY ? `${Math.floor(size / HOUR)} h` : `${Math.floor(size / DAY)} d`;
  return delta >= 0 ? `${text} ago` : `in ${text}`;
}
