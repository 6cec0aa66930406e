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

/** The rows as they are in the table, whichever table that is. */
export function rowsNow(): { length: number; at(index: number): WireEvent | undefined } {
  if (view.value.live) {
    const rows = liveRows.value;
    return { length: rows.length, at: (i) => { const row = rows[i]; return row && !isGap(row) ? row : undefined; } };
  }
  const { pages } = results.value;
  return { length: pages.length, at: (i) => pages.at(i) };
}

export function loadDetail(client: Client, uid: string): void {
  const rows = rowsNow();
  for (let i = 0; i < rows.length; i += 1) {
    const row = rows.at(i);
    if (row?.uid === uid) {
      detail.clear();
      detail.state.value = { data: row, loading: false, failure: null };
      return;
    }
  }
  if (detail.state.peek().data?.uid === uid) return;
  detail.clear();
  void detail.load(async (signal) => (await client.get<WireEvent>(routes.event(uid), signal)).body);
}

/** Where the open event is in the table, or -1. */
export const openIndex = computed(() => {
  const uid = view.value.event;
  if (uid === null) return -1;
  const rows = rowsNow();
  for (let i = 0; i < rows.length; i += 1) if (rows.at(i)?.uid === uid) return i;
  return -1;
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
