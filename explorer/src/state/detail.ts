/** The event that is open: taken from the rows when it is there, else read by its uid. */
import { computed } from '@preact/signals';
import type { Client } from '../api/client';
import { routes } from '../api/routes';
import type { WireEvent } from '../api/wire';
import { isGap, liveRows } from './live';
import { results } from './results';
import { Resource } from './resource';
import { openEvent, view } from './view';

export const detail = new Resource<WireEvent>();

export interface Rows {
  length: number;
  at(index: number): WireEvent | undefined;
  /** Where an event is, or -1. */
  find(uid: string): number;
}

/** The rows as they are in the table, whichever table that is. */
export function rowsNow(): Rows {
  if (view.value.live) {
    const rows = liveRows.value;
    const at = (i: number): WireEvent | undefined => {
      const row = rows[i];
      return row && !isGap(row) ? row : undefined;
    };
    return { length: rows.length, at, find: (uid) => rows.findIndex((row) => !isGap(row) && row.uid === uid) };
  }
  const { pages } = results.value;
  return { length: pages.length, at: (i) => pages.at(i), find: (uid) => pages.find((row) => row.uid === uid) };
}

export function loadDetail(client: Client, uid: string): void {
  const rows = rowsNow();
  const row = rows.at(rows.find(uid));
  if (row) {
    detail.clear();
    detail.state.value = { data: row, loading: false, failure: null };
    return;
  }
  if (detail.state.peek().data?.uid === uid) return;
  detail.clear();
  void detail.load(async (signal) => (await client.get<WireEvent>(routes.event(uid), signal)).body);
}

/** Where the open event is in the table, or -1. */
export const openIndex = computed(() => {
  const uid = view.value.event;
  return uid === null ? -1 : rowsNow().find(uid);
});

/** Opens the event before or after the open one. */
export function step(by: -1 | 1): void {
  const rows = rowsNow();
  for (let i = openIndex.value + by; openIndex.value >= 0 && i >= 0 && i < rows.length; i += by) {
    const row = rows.at(i);
    if (row) {
      openEvent(row.uid);
      return;
    }
  }
}
