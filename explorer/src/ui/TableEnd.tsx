/** What is under the last row: loading, the end, nothing found, or why it stopped. */
import { connection, liveRows } from '../state/live';
import { refresh, asked } from '../state/query';
import { loadMore, results } from '../state/results';
import { who } from '../state/session';
import { patchView, setRange, view } from '../state/view';
import { zoomOut } from '../state/zoom';
import { zone } from '../state/preferences';
import { clockOf, dayOf } from '../lib/time';
import { count } from '../lib/format';
import { FailureView } from './FailureView';
import { Icon } from './Icon';
import { Text } from './Text';

export function TableEnd() {
  if (view.value.live) return <LiveEnd />;
  const { pages, loading, failure, searchedTo, asking } = results.value;
  const utc = zone.value === 'utc';
  if (failure) return <FailureView failure={failure} retry={() => (pages.length > 0 ? loadMore(true) : refresh())} compact={pages.length > 0} />;
  const reached = searchedTo === null ? null : `${dayOf(Date.parse(searchedTo), utc)} ${clockOf(Date.parse(searchedTo), utc)}`;
  if (pages.length === 0 && loading) return reached === null ? <LoadingRows /> : <p class="table-note" role="status">Searched back to {reached}, still looking…</p>;
  if (asking) {
    return (
      <div class="empty">
        <Icon name="search" size={24} />
        <p class="empty-title">Nothing yet, searched back to {reached}</p>
        <p class="muted">This filter has no index, so it is searched bit by bit. A shorter range or a source makes it fast.</p>
        <div class="empty-actions"><button type="button" class="button button-primary" onClick={() => loadMore(true)}>Keep searching</button></div>
      </div>
    );
  }
  if (pages.length === 0) return <Nothing />;
  if (loading) return <p class="table-note" role="status"><span class="spinner" aria-hidden="true" /> Loading more{reached === null ? '' : `, searched back to ${reached}`}</p>;
  if (pages.ended) return <p class="table-note">{count(pages.length)} {pages.length === 1 ? 'event' : 'events'}. That is all in this range.</p>;
  return null;
}

function Nothing() {
  const { filters, range } = view.value;
  const sources = who.value?.sources ?? ['*'];
  const narrow = !sources.includes('*');
  return (
    <div class="empty">
      <Icon name="empty" size={28} />
      <p class="empty-title">No events here</p>
      <p class="muted">{filters.length > 0 ? 'Nothing in this range passes the filters.' : 'Nothing happened in this range.'}</p>
      {narrow && <p class="muted">This key reads only: <Text value={sources.join(', ')} /></p>}
      <div class="empty-actions">
        {filters.length > 0 && <button type="button" class="button" onClick={() => patchView({ filters: [] })}>Remove the filters</button>}
        <button type="button" class="button" onClick={zoomOut}>Zoom out</button>
        {!(range.kind === 'last' && range.seconds >= 30 * 86_400) && <button type="button" class="button" onClick={() => setRange({ kind: 'last', seconds: 30 * 86_400 })}>Last 30 days</button>}
        <button type="button" class="button" onClick={() => patchView({ live: true })}>Wait for new ones</button>
      </div>
    </div>
  );
}

function LiveEnd() {
  const state = connection.value;
  if (state.kind === 'failed') return <FailureView failure={state.failure} retry={() => { patchView({ live: false }); patchView({ live: true }); }} />;
  if (liveRows.value.length > 0) return <p class="table-note">Older events are in the past: <button type="button" class="link-button" onClick={() => patchView({ live: false })}>leave live</button></p>;
  return (
    <div class="empty">
      <span class="live-wait" aria-hidden="true" />
      <p class="empty-title">Waiting for events</p>
      <p class="muted">{asked.value.query.sources.length + asked.value.query.types.length > 0 ? 'They show here the moment they are stored and pass the filters.' : 'They show here the moment they are stored.'}</p>
    </div>
  );
}

function LoadingRows() {
  return <div class="loading-rows" role="status" aria-label="Loading events">{Array.from({ length: 14 }, (_, i) => <span key={i} class="loading-row"><span class="skeleton" style={{ width: '132px' }} /><span class="skeleton" style={{ width: `${80 + ((i * 37) % 50)}px` }} /><span class="skeleton" style={{ width: `${64 + ((i * 23) % 30)}px` }} /><span class="skeleton skeleton-grow" style={{ maxWidth: `${35 + ((i * 29) % 40)}%` }} /></span>)}</div>;
}
