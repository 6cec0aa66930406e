/** Which change asks the server for what. The one place where the parts of the state meet. */
import { computed, effect, untracked } from '@preact/signals';
import { loadDetail } from './detail';
import { detail } from './detail';
import { startLive, stopLive } from './live';
import { lag, letters, loadLag, loadLetters } from './operations';
import { asked, refresh } from './query';
import { clearResults, results, startResults } from './results';
import { canRead, client, isOperator } from './session';
import { facets, loadFacets, loadStats, stats } from './timeline';
import { view } from './view';

/** While one follows live, counts are asked for again this often. */
const LIVE_REFRESH_MS = 10_000;
const LAG_REFRESH_MS = 5_000;

export function wire(): void {
  // A link to the operators' part shows the events to everyone else.
  const exploring = computed(() => canRead.value && (view.value.panel === 'explore' || !isOperator.value));
  const by = computed(() => view.value.by);
  const order = computed(() => view.value.order);
  const live = computed(() => view.value.live);
  const open = computed(() => view.value.event);

  effect(() => {
    const at = client.value;
    if (at && exploring.value && !live.value) {
      const { query } = asked.value;
      const direction = order.value;
      untracked(() => startResults(at, query, direction));
    } else if (!at) untracked(clearResults);
  });

  effect(() => {
    const at = client.value;
    const what = asked.value;
    const split = by.value;
    if (at && exploring.value) untracked(() => loadStats(at, what, split));
  });

  effect(() => {
    const at = client.value;
    const what = asked.value;
    if (at && exploring.value) untracked(() => loadFacets(at, what));
  });

  // Live depends on the filters, not on the moment of asking: a refresh of the counts must not restart it.
  const filters = computed(() => JSON.stringify(view.value.filters));
  effect(() => {
    const at = client.value;
    void filters.value;
    if (!at || !live.value || !exploring.value) return stopLive;
    untracked(() => {
      const seed = results.peek().pages;
      const rows = order.peek() === 'desc' && !results.peek().loading ? Array.from({ length: Math.min(100, seed.length) }, (_, i) => seed.at(i)).filter((e) => e !== undefined) : [];
      startLive(at, asked.peek().query, view.peek().filters, lastFilters === filters.peek() ? rows : []);
    });
    const ticker = setInterval(() => {
      if (!document.hidden && view.peek().range.kind === 'last') refresh();
    }, LIVE_REFRESH_MS);
    return () => {
      clearInterval(ticker);
      stopLive();
    };
  });
  // The rows that are already there continue into live only when they answer the same filters.
  let lastFilters = '';
  effect(() => {
    if (!results.value.loading) lastFilters = filters.peek();
  });

  effect(() => {
    const at = client.value;
    const uid = open.value;
    if (at && uid !== null && canRead.value) untracked(() => loadDetail(at, uid));
    else untracked(() => detail.clear());
  });

  effect(() => {
    const at = client.value;
    if (!at || !isOperator.value || view.value.panel !== 'operations') return;
    untracked(() => {
      loadLag(at);
      if (!letters.peek().asked) void loadLetters(at, false);
    });
    const ticker = setInterval(() => {
      if (!document.hidden) loadLag(at);
    }, LAG_REFRESH_MS);
    return () => clearInterval(ticker);
  });

  effect(() => {
    if (client.value) return;
    untracked(() => {
      for (const resource of [stats, facets.source, facets.type, lag]) resource.clear();
      letters.value = { rows: [], next: null, loading: false, failure: null, asked: false };
    });
  });
}
