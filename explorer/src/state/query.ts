/**
 * What is asked of the server. "The last hour" is pinned to a moment when it is asked, so that the pages,
 * the counts and the timeline of one view agree with each other.
 */
import { computed, signal } from '@preact/signals';
import type { EventQuery } from '../api/routes';
import { resolve } from '../lib/time';
import { queryOf } from '../lib/view';
import { view } from './view';

export interface Asked {
  query: EventQuery;
  from: number;
  to: number;
  /** Changes with everything that makes the answers other ones. */
  id: string;
}

const moment = signal(Date.now());

/** Asks everything again, as of now. */
export function refresh(): void {
  moment.value = Date.now();
}

const range = computed(() => JSON.stringify(view.value.range));
const filters = computed(() => JSON.stringify(view.value.filters));

export const asked = computed<Asked>(() => {
  // Read through their texts, so that opening an event or choosing a column asks nothing again.
  void range.value;
  void filters.value;
  const { range: r, filters: f } = view.peek();
  const at = moment.value;
  return { query: queryOf({ range: r, filters: f }, at), ...resolve(r, at), id: `${at} ${range.value} ${filters.value}` };
});

/** Whether counts, which know sources and types only, leave a filter out. */
export const countsAreWider = computed(() => asked.value.query.subjects.length > 0 || asked.value.query.data.length > 0);
