/** The row above everything: filters, range, refresh, live. */
import { sidebar } from '../state/preferences';
import { refresh } from '../state/query';
import { results } from '../state/results';
import { stats } from '../state/timeline';
import { patchView, view } from '../state/view';
import { FilterBar } from './FilterBar';
import { Icon } from './Icon';
import { RangePicker } from './RangePicker';
import { withKey } from './with-key';

export function Toolbar() {
  const { live, filters } = view.value;
  const busy = results.value.loading || stats.state.value.loading;
  return (
    <div class="toolbar" role="search">
      <button type="button" class="button sidebar-button" title={withKey('Show or hide the facets', 'f')} aria-pressed={sidebar.value === 'open'} onClick={() => (sidebar.value = sidebar.value === 'open' ? 'closed' : 'open')}>
        <Icon name="panel" /><span class="button-text">Facets{filters.length > 0 ? ` · ${filters.length}` : ''}</span>
      </button>
      <FilterBar />
      <div class="toolbar-end">
        <RangePicker />
        <button type="button" class={busy ? 'button busy' : 'button'} aria-label="Refresh" title={withKey('Refresh', 'r')} onClick={refresh}><Icon name="refresh" /></button>
        <button type="button" class="button live-button" aria-pressed={live} title={withKey('Follow new events', 'l')} onClick={() => patchView({ live: !live })}>
          <span class="live-dot" aria-hidden="true" /><span class="button-text">Live</span>
        </button>
      </div>
    </div>
  );
}
