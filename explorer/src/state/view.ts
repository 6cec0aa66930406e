/** The view, kept in step with the address bar. */
import { signal } from '@preact/signals';
import { type Filter, sameFilter } from '../lib/filter';
import type { Range } from '../lib/time';
import { parseView, printView, toggleFilter, type View } from '../lib/view';

export const view = signal<View>(parseView(location.search));

addEventListener('popstate', () => (view.value = parseView(location.search)));

/** Changes the view. What one would want to go back from is a step in the history; moving through events is not. */
export function patchView(patch: Partial<View>, history: 'push' | 'replace' = 'push'): void {
  const next = { ...view.value, ...patch };
  const address = location.pathname + printView(next);
  if (address !== location.pathname + location.search) {
    if (history === 'push') window.history.pushState(null, '', address);
    else window.history.replaceState(null, '', address);
  }
  view.value = next;
}

export function setRange(range: Range): void {
  patchView({ range });
}

export function addFilter(filter: Filter): void {
  if (!view.value.filters.some((f) => sameFilter(f, filter))) patchView({ filters: [...view.value.filters, filter] });
}

export function removeFilter(filter: Filter): void {
  patchView({ filters: view.value.filters.filter((f) => !sameFilter(f, filter)) });
}

export function flipFilter(filter: Filter): void {
  patchView({ filters: toggleFilter(view.value.filters, filter) });
}

export function openEvent(uid: string | null): void {
  // Closing, and going from one event to the next, should not fill the history.
  patchView({ event: uid }, view.value.event === null && uid !== null ? 'push' : 'replace');
}

export function toggleColumn(column: string): void {
  const { columns } = view.value;
  patchView({ columns: columns.includes(column) ? columns.filter((c) => c !== column) : [...columns, column] }, 'replace');
}
