/** How far the download is. */
import { bytes, count, seconds } from '../lib/format';
import { now } from '../state/clock';
import { cancelExport, exporting, startExport } from '../state/exporting';
import { FailureView } from './FailureView';
import { Icon } from './Icon';

export function ExportStatus() {
  const job = exporting.value;
  if (!job) return null;
  const { rows, bytes: size } = job.progress;
  const share = job.expected !== null && rows !== null && job.expected > 0 ? Math.min(1, rows / job.expected) : null;
  const elapsed = Math.max(0.001, ((job.endedAt ?? now.value) - job.startedAt) / 1000);
  const done = job.endedAt !== null;
  return (
    <div class="export card" role="status" aria-live="off" aria-label="Download">
      <div class="export-head">
        <Icon name={done && !job.failure ? 'check' : 'download'} />
        <strong>{job.failure ? 'Download failed' : done ? 'Downloaded' : 'Downloading'} {job.format.toUpperCase()}</strong>
        <span class="grow" />
        <button type="button" class="button button-ghost" aria-label={done ? 'Close' : 'Cancel the download'} onClick={cancelExport}><Icon name="close" /></button>
      </div>
      {job.failure ? (
        <FailureView compact failure={job.failure} retry={() => void startExport(job.format)} />
      ) : (
        <>
          <div class={share === null && !done ? 'progress progress-unknown' : 'progress'} role="progressbar" aria-label="Share downloaded" aria-valuemin={0} aria-valuemax={100} aria-valuenow={done ? 100 : share === null ? undefined : Math.round(share * 100)}>
            <span style={{ width: `${(done ? 1 : (share ?? 0.3)) * 100}%` }} />
          </div>
          <p class="muted export-words">
            {rows !== null && <span>{count(rows)}{job.expected !== null && !done ? ` of ${count(job.expected)}` : ''} {job.format === 'csv' ? 'lines' : 'events'}</span>}
            <span>{bytes(size)}</span>
            <span>{seconds(elapsed)}</span>
            {share !== null && !done && <span>{Math.round(share * 100)} %</span>}
          </p>
        </>
      )}
    </div>
  );
}
