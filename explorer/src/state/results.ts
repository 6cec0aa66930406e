/** The events of the view, read page by page as one scrolls. */
import { signal } from '@preact/signals';
import type { Client } from '../api/client';
import type { Failure } from '../api/failure';
import { type EventQuery, routes } from '../api/routes';
import type { EventsPage, WireEvent } from '../api/wire';
import { type Page, Pages } from '../lib/pages';
import { noteFailure } from './session';

export interface ResultsState {
  pages: Pages<WireEvent>;
  /** Changes whenever `pages` does, since it is changed in place. */
  version: number;
  loading: boolean;
  failure: Failure | null;
  /** How far the server looked, when it stopped before it found enough. */
  searchedTo: string | null;
  /** It looked long and found little: a person decides whether to go on. */
  asking: boolean;
}

/** Pages that may come back empty in a row before a person is asked. */
const PATIENCE = 8;

const empty = (): ResultsState => ({ pages: new Pages(), version: 0, loading: false, failure: null, searchedTo: null, asking: false });

export const results = signal<ResultsState>(empty());

let running: AbortController | null = null;
let source: { client: Client; query: EventQuery; order: 'desc' | 'asc' } | null = null;
const restoring = new Set<Page<WireEvent>>();

/** Starts over with another query. Old rows are kept in sight until the first page is there. */
export function startResults(client: Client, query: EventQuery, order: 'desc' | 'asc'): void {
  running?.abort();
  running = new AbortController();
  restoring.clear();
  source = { client, query, order };
  results.value = { ...results.peek(), loading: true, failure: null, searchedTo: null, asking: false };
  void read(new Pages(), running);
}

export function clearResults(): void {
  running?.abort();
  source = null;
  results.value = empty();
}

/** Reads on, if there is more and nothing is being read. */
export function loadMore(force = false): void {
  const { pages, loading, asking, failure } = results.peek();
  if (loading || pages.ended || !source || (!force && (asking || failure !== null)) || !running) return;
  update({ loading: true, failure: null, asking: false });
  void read(pages, running);
}

/** Brings back the rows between two positions if they were let go, and lets go of what is far away. */
export function ensureRows(start: number, end: number): void {
  const { pages } = results.peek();
  pages.forget(Math.floor((start + end) / 2));
  for (const page of pages.missing(start, end)) void restore(pages, page);
}

async function read(pages: Pages<WireEvent>, run: AbortController): Promise<void> {
  if (!source) return;
  const { client, query, order } = source;
  try {
    let searchedTo: string | null;
    for (let tries = 1; ; tries += 1) {
      const { body } = await client.get<EventsPage>(routes.events(query, { order, cursor: pages.next }), run.signal);
      if (run.signal.aborted) return;
      pages.append(body.events, body.next);
      searchedTo = body.searched_to ?? null;
      if (body.events.length > 0 || pages.ended || tries >= PATIENCE) break;
      update({ searchedTo });
    }
    update({ pages, loading: false, failure: null, searchedTo, asking: searchedTo !== null && !pages.ended && pages.length === 0 });
  } catch (error) {
    if (run.signal.aborted) return;
    update({ pages, loading: false, failure: noteFailure(error) });
  }
}

async function restore(pages: Pages<WireEvent>, page: Page<WireEvent>): Promise<void> {
  const run = running;
  if (restoring.has(page) || !source || !run) return;
  restoring.add(page);
  const { client, query, order } = source;
  try {
    const { body } = await client.get<EventsPage>(routes.events(query, { order, cursor: page.cursor }), run.signal);
    pages.restore(page, body.events);
    if (!run.signal.aborted) update({});
  } catch (error) {
    if (!run.signal.aborted) update({ failure: noteFailure(error) });
  } finally {
    restoring.delete(page);
  }
}

function update(patch: Partial<ResultsState>): void {
  results.value = { ...results.peek(), ...patch, version: results.peek().version + 1 };
}
