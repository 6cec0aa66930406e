/** How many events there were when: stacked bars, drag or keys to zoom. */
import { bucketMs } from '../lib/buckets';
import { count, short } from '../lib/format';
import { OTHER } from '../api/stats';
import { asked, countsAreWider } from '../state/query';
import { client } from '../state/session';
import { hidden, loadStats, series, stats, toggleSeries } from '../state/timeline';
import { patchView, view } from '../state/view';
import { resetZoom, shift, zoomed, zoomOut } from '../state/zoom';
import { FailureView } from './FailureView';
import { Icon } from './Icon';
import { Text } from './Text';
import { TimelinePlot } from './TimelinePlot';
import { withKey } from './with-key';

const BUCKET_NAMES: Partial<Record<string, string>> = { '1m': 'minute', '5m': '5 minutes', '10m': '10 minutes', '15m': '15 minutes', '30m': '30 minutes', '1h': 'hour', '6h': '6 hours', '12h': '12 hours', '1d': 'day' };

export function Timeline() {
  const { data, loading, failure } = stats.state.value;
  const { by } = view.value;
  const bucket = data ? (BUCKET_NAMES[data.bucket] ?? data.bucket) : '';
  return (
    <section class="timeline card" aria-label="Events over time" aria-busy={loading}>
      <div class="timeline-head">
        <p class="timeline-total" title="Counted in whole bars"><strong>{data ? count(data.total) : '–'}</strong> <span class="muted">events{bucket ? <span class="only-wide"> · a bar is {article(bucket)}</span> : null}</span></p>
        {countsAreWider.value && (
          <span class="notice" title="Counts are kept by source and type. Filters on subject and data apply to the table below, not to these bars."><Icon name="info" size={14} /><span>Without subject and data filters</span></span>
        )}
        <span class="grow" />
        <div class="segmented" role="group" aria-label="Split by">
          {(['type', 'source'] as const).map((value) => (
            <button key={value} type="button" aria-pressed={by === value} title={withKey('By type or by source', 's')} onClick={() => patchView({ by: value }, 'replace')}>{value === 'type' ? 'Type' : 'Source'}</button>
          ))}
        </div>
        <div class="button-group" role="group" aria-label="Move through time">
          <button type="button" class="button button-ghost" aria-label="Earlier" title={withKey('Earlier', '[')} onClick={() => shift(-1)}><Icon name="left" /></button>
          <button type="button" class="button button-ghost" aria-label="Later" title={withKey('Later', ']')} onClick={() => shift(1)}><Icon name="right" /></button>
          <button type="button" class="button button-ghost" aria-label="Zoom out" title={withKey('Zoom out', '-')} onClick={zoomOut}><Icon name="zoomOut" /></button>
          {zoomed.value && <button type="button" class="button button-ghost" title={withKey('Back to before the zoom', '0')} onClick={resetZoom}><Icon name="undo" /><span class="button-text">Reset zoom</span></button>}
        </div>
      </div>
      {failure && !data ? (
        <FailureView compact failure={failure} retry={() => client.value && loadStats(client.value, asked.value, by)} />
      ) : data ? (
        <TimelinePlot data={data} bucket={bucketMs(data.bucket)} />
      ) : (
        <div class="plot plot-loading" aria-hidden="true">{LOADING_BARS.map((h, i) => <span key={i} class="skeleton" style={{ height: `${h}%` }} />)}</div>
      )}
      <Legend />
    </section>
  );
}

const LOADING_BARS = Array.from({ length: 36 }, (_, i) => 30 + 28 * Math.abs(Math.sin(i / 3.1)) + 14 * Math.abs(Math.cos(i * 1.7)));

function article(bucket: string): string {
  return bucket === 'hour' ? 'an hour' : /^\d/.test(bucket) ? bucket : `a ${bucket}`;
}

function Legend() {
  return (
    <ul class="legend" aria-label="Shown in the timeline">
      {series.value.map((s) => {
        const off = hidden.value.has(s.key);
        return (
          <li key={s.key}>
            <button type="button" class="legend-item" aria-pressed={!off} title={off ? 'Show in the timeline' : 'Hide from the timeline'} onClick={() => toggleSeries(s.key)}>
              <span class={`swatch c${s.key === OTHER ? 'x' : (s.colour ?? 'x')}`} aria-hidden="true" />
              <span class="legend-name">{s.key === OTHER ? 'other' : <Text value={s.key} />}</span>
              <span class="legend-count" title={count(s.total)}>{short(s.total)}</span>
            </button>
          </li>
        );
      })}
    </ul>
  );
}
