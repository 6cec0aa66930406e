/** The live tail: what came, what waits while it is paused, and how the connection is. */
import { computed, signal } from '@preact/signals';
import type { Client } from '../api/client';
import type { Failure } from '../api/failure';
import { type EventQuery, routes } from '../api/routes';
import { followTail } from '../api/tail';
import type { EventsPage, WireEvent } from '../api/wire';
import { type Filter, passes } from '../lib/filter';
import { Ring } from '../lib/ring';
import { announce } from './announce';
import { noteFailure } from './session';

/** A row of the live table: an event, or the note that some were skipped. */
export type LiveRow = WireEvent | { gap: string; at: number };

export function isGap(row: LiveRow): row is { gap: string; at: number } {
  return 'gap' in row && typeof row.gap === 'string' && !('uid' in row);
}

export type Connection = { kind: 'off' | 'connecting' | 'open' } | { kind: 'waiting'; failure: Failure; retryAt: number } | { kind: 'failed'; failure: Failure };

/** More rows than anyone reads; the rest is found in the past. */
const MOST_ROWS = 5_000;
const RATE_WINDOW_MS = 5_000;

export const connection = signal<Connection>({ kind: 'off' });
export const paused = signal(false);
const ring = signal(new Ring<LiveRow>(MOST_ROWS));
const version = signal(0);

export const liveRows = computed(() => {
  void version.value;
  return ring.value.rows;
});
export const buffered = computed(() => {
  void version.value;
  return ring.value.waiting;
});
/** Events a second over the last few seconds. */
export const rate = signal(0);

let running: AbortController | null = null;
let arrivals: { at: number; n: number }[] = [];
let pending: LiveRow[] = [];
let frame = 0;

/** Follows from now on, over the newest events that are already known; without any, the newest are read. */
export function startLive(client: Client, query: EventQuery, filters: readonly Filter[], seed: readonly WireEvent[]): void {
  stopLive();
  const run = (running = new AbortController());
  const fresh = new Ring<LiveRow>(MOST_ROWS);
  fresh.add(seed.toReversed(), false);
  ring.value = fresh;
  paused.value = false;
  arrivals = [];
  connection.value = { kind: 'connecting' };
  // The tail knows sources and types; what else is filtered, is filtered here.
  const local = filters.filter((f) => f.field === 'data' || f.field === 'subject');
  const seen = new Set(seed.map((e) => e.uid));
  if (seed.length === 0) void readSeed(client, query, fresh, seen, run.signal);
  void followTail(client, (after) => routes.tail(query, after), null, {
    opened: () => (connection.value = { kind: 'open' }),
    events: (events) => {
      const rows = events.filter((e) => !seen.has(e.uid) && passes(e, local));
      arrivals.push({ at: Date.now(), n: rows.length });
      queue(rows);
    },
    gap: (reason) => {
      queue([{ gap: reason, at: Date.now() }]);
      announce('Some events were skipped by the live tail.');
    },
    waiting: (failure, retryAt) => (connection.value = { kind: 'waiting', failure, retryAt }),
    failed: (failure) => {
      noteFailure(failure);
      connection.value = { kind: 'failed', failure };
    },
  }, run.signal);
  const ticker = setInterval(measure, 500);
  run.signal.addEventListener('abort', () => clearInterval(ticker));
}

/** How many events of the past one finds under those that come. */
const SEED = 50;

async function readSeed(client: Client, query: EventQuery, into: Ring<LiveRow>, seen: Set<string>, signal: AbortSignal): Promise<void> {
  try {
    const { body } = await client.get<EventsPage>(routes.events({ ...query, to: null }, { order: 'desc', limit: SEED }), signal);
    if (signal.aborted) return;
    flush();
    // Some of them may have come through the tail meanwhile.
    const there = new Set(into.rows.map((row) => (isGap(row) ? '' : row.uid)));
    into.addOlder(body.events.filter((event) => !there.has(event.uid)));
    for (const event of body.events) seen.add(event.uid);
    version.value += 1;
  } catch (error) {
    // The tail itself says what is wrong; only a key that stopped working matters here.
    if (!signal.aborted) noteFailure(error);
  }
}

export function stopLive(): void {
  running?.abort();
  running = null;
  pending = [];
  rate.value = 0;
  connection.value = { kind: 'off' };
}

export function pause(): void {
  flush();
  paused.value = true;
}

/** Shows what waited. */
export function resume(): void {
  const dropped = ring.peek().release();
  if (dropped > 0) ring.peek().add([{ gap: `${dropped} older events were let go while paused; find them in the past`, at: Date.now() }], false);
  paused.value = false;
  version.value += 1;
}

/** Many events may come between two frames; they are shown at once. */
function queue(rows: LiveRow[]): void {
  if (rows.length === 0) return;
  pending.push(...rows);
  if (frame === 0) frame = setTimeout(flush, 80) as unknown as number;
}

function flush(): void {
  clearTimeout(frame);
  frame = 0;
  if (pending.length === 0) return;
  ring.peek().add(pending, paused.peek());
  pending = [];
  version.value += 1;
}

function measure(): void {
  const since = Date.now() - RATE_WINDOW_MS;
  arrivals = arrivals.filter((a) => a.at >= since);
  rate.value = arrivals.reduce((sum, a) => sum + a.n, 0) / (RATE_WINDOW_MS / 1000);
}
