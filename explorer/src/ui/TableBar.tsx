/** The line over the table: what is shown, and what can be done with it. */
import { Fragment } from 'preact';
import { DEFAULT_COLUMNS } from '../lib/view';
import { count, short } from '../lib/format';
import { KNOWN_COLUMNS } from '../lib/columns';
import { curlOf, sqlOf } from '../lib/copy-as';
import { EXPORT_FORMATS, type ExportFormat, PAGE_SIZE, routes } from '../api/routes';
import { copy } from '../state/announce';
import { startExport } from '../state/exporting';
import { buffered, connection, pause, paused, rate, resume } from '../state/live';
import { now } from '../state/clock';
import { asked } from '../state/query';
import { results } from '../state/results';
import { client } from '../state/session';
import { bucketFor } from '../state/timeline';
import { patchView, toggleColumn, view } from '../state/view';
import { Icon } from './Icon';
import { MenuList } from './MenuList';
import { Popover } from './Popover';
import { Text } from './Text';
import { withKey } from './with-key';

export function TableBar() {
  return (
    <div class="tablebar">
      {view.value.live ? <LiveStatus /> : <Loaded />}
      <span class="grow" />
      <Popover label="Columns" icon="columns" text="Columns" align="end" class="button-ghost only-table" panelClass="panel-menu">{() => <Columns />}</Popover>
      <Popover label={withKey('Copy this view', 'c')} icon="copy" text="Copy as" align="end" class="button-ghost" panelClass="panel-menu" shortcut="copy">{(close) => <CopyAs close={close} />}</Popover>
      <Popover label={withKey('Download all events of this view', 'e')} icon="download" text="Download" align="end" class="button-ghost" panelClass="panel-menu" shortcut="download">{(close) => <Download close={close} />}</Popover>
    </div>
  );
}

function Loaded() {
  const { pages, loading } = results.value;
  const { order } = view.value;
  if (pages.length === 0) return <span class="tablebar-title">{loading ? 'Loading…' : 'Events'}</span>;
  return (
    <span class="tablebar-title">
      Events <span class="muted">{order === 'desc' ? 'newest first' : 'oldest first'} · {count(pages.length)}{pages.ended ? '' : ' loaded'}</span>
    </span>
  );
}

function LiveStatus() {
  const state = connection.value;
  const waits = buffered.value;
  const words = state.kind === 'open' ? (paused.value ? 'Paused' : 'Live') : state.kind === 'waiting' ? `Connection lost, again in ${Math.max(0, Math.ceil((state.retryAt - now.value) / 1000))} s` : state.kind === 'failed' ? 'Live stopped' : 'Connecting…';
  return (
    <span class="live-status">
      <span class={`live-badge live-${state.kind}${paused.value ? ' live-paused' : ''}`}><span class="live-dot" aria-hidden="true" />{words}</span>
      {state.kind === 'waiting' && <span class="muted only-wide"><Text value={state.failure.title} /></span>}
      {state.kind === 'open' && <span class="muted live-rate">{rate.value < 10 ? rate.value.toFixed(1) : short(rate.value)}/s</span>}
      {(state.kind === 'open' || state.kind === 'waiting') && (
        <button type="button" class={paused.value ? 'button button-primary' : 'button'} title={withKey(paused.value ? 'Resume' : 'Pause', 'Space')} onClick={paused.value ? resume : pause}>
          <Icon name={paused.value ? 'play' : 'pause'} />
          <span>{paused.value ? (waits > 0 ? `Show ${count(waits)} new` : 'Resume') : 'Pause'}</span>
        </button>
      )}
    </span>
  );
}

function Columns() {
  const { columns } = view.value;
  const own = columns.filter((c) => !KNOWN_COLUMNS.some((k) => k.id === c));
  return (
    <div class="columns">
      {[...KNOWN_COLUMNS, ...own.map((id) => ({ id, title: id }))].map(({ id, title }) => (
        <label key={id} class="check menu-item"><input type="checkbox" checked={columns.includes(id)} onChange={() => toggleColumn(id)} /><span class="menu-label"><Text value={title} /></span></label>
      ))}
      <p class="panel-note">Any value of an event becomes a column from its details.</p>
      {columns.join() !== DEFAULT_COLUMNS.join() && <button type="button" class="menu-item" onClick={() => patchView({ columns: DEFAULT_COLUMNS }, 'replace')}><Icon name="undo" /><span class="menu-label">As at first</span></button>}
    </div>
  );
}

function CopyAs({ close }: { close(this: void): void }) {
  const { query } = asked.value;
  const { order, filters, live } = view.value;
  const url = (path: string): string => client.value?.url(path) ?? path;
  const curl = live ? curlOf(url(routes.tail(query, null))).replace('curl -sS', 'curl -sSN') : curlOf(url(routes.events(query, { order })));
  return (
    <MenuList label="Copy as" close={close} choices={[
      { label: 'Link to this view', icon: 'link', run: () => void copy(location.href, 'Link') },
      { label: 'curl command', hint: live ? 'live' : 'first page', icon: 'code', run: () => void copy(curl, 'curl command') },
      { label: 'SQL query', hint: 'PostgreSQL', icon: 'table', run: () => void copy(sqlOf({ filters, from: query.from ?? '', to: query.to ?? '', order, limit: PAGE_SIZE }), 'SQL query') },
      { label: 'curl of the counts', icon: 'pulse', run: () => void copy(curlOf(url(routes.stats(query, bucketFor(asked.value.from, asked.value.to), view.value.by))), 'curl command') },
    ]} />
  );
}

const FORMATS: Record<ExportFormat, { label: string; hint: string }> = {
  ndjson: { label: 'NDJSON', hint: 'one event a line, as it is' },
  csv: { label: 'CSV', hint: 'safe to open in a spreadsheet' },
  parquet: { label: 'Parquet', hint: 'for DuckDB, Spark, pandas' },
};

function Download({ close }: { close(this: void): void }) {
  return (
    <Fragment>
      <p class="panel-note">All events of this view, not only those loaded.</p>
      <MenuList label="Download as" close={close} choices={EXPORT_FORMATS.map((format) => ({ label: FORMATS[format].label, hint: FORMATS[format].hint, icon: 'download' as const, run: () => void startExport(format) }))} />
    </Fragment>
  );
}
