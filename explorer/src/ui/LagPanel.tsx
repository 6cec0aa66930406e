/** How far the writer is behind Kafka, partition by partition. */
import type { Lag } from '../api/wire';
import { count, seconds } from '../lib/format';
import { ago } from '../lib/time';
import { now } from '../state/clock';
import { lag, loadLag } from '../state/operations';
import { client } from '../state/session';
import { FailureView } from './FailureView';
import { Text } from './Text';

/** Older than this, someone should look. */
const LATE_SECONDS = 30;

export function LagPanel() {
  const { data, failure } = lag.state.value;
  return (
    <section class="card" aria-labelledby="lag-title">
      <div class="card-head"><h1 id="lag-title">Lag</h1>{data && <p class="muted">topic <code><Text value={data.topic} /></code>{data.group !== undefined && <> · group <code><Text value={data.group} /></code></>}</p>}</div>
      {failure && <FailureView compact={data !== null} failure={failure} retry={() => client.value && loadLag(client.value)} />}
      {data && <Numbers lag={data} />}
      {data && (
        <div class="grid-scroll" tabIndex={0} role="region" aria-label="Table of partitions">
          <table class="grid">
            <thead><tr><th scope="col">Partition</th><th scope="col" class="number">Records behind</th><th scope="col" class="number">Stored up to</th><th scope="col" class="number">End of the log</th><th scope="col">Checkpoint</th></tr></thead>
            <tbody>
              {data.partitions.map((p) => (
                <tr key={p.kafka_partition}>
                  <th scope="row" class="mono">{p.kafka_partition}</th>
                  <td class="number"><Behind lag={p.lag} /></td>
                  <td class="number">{count(p.next_offset)}</td>
                  <td class="number">{p.end_offset === null ? '–' : count(p.end_offset)}</td>
                  <td class="muted">{p.updated_at ? ago(Date.parse(p.updated_at), now.value) : '–'}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}

function Behind({ lag: records }: { lag: number | null }) {
  if (records === null) return <span class="faint">–</span>;
  return <span class={records > 1000 ? 'chip chip-warn' : records > 0 ? 'chip' : 'faint'}>{count(records)}</span>;
}

/** The writers tell where the log ends; until one has, only their checkpoints are known. */
function Numbers({ lag: data }: { lag: Lag }) {
  const age = data.oldest_unwritten_seconds;
  const late = age !== null && age > LATE_SECONDS;
  const { total } = data;
  if (total === null) {
    const moved = data.partitions.map((p) => (p.updated_at ? Date.parse(p.updated_at) : 0));
    const last = Math.max(0, ...moved);
    return (
      <div class="numbers">
        <div class="number-box"><span class="number-name">Partitions</span><span class="number-value">{data.partitions.length}</span></div>
        <div class="number-box"><span class="number-name">Stored in all</span><span class="number-value">{count(data.partitions.reduce((sum, p) => sum + p.next_offset, 0))}</span></div>
        <div class="number-box"><span class="number-name">Last stored</span><span class="number-value">{last > 0 ? ago(last, now.value) : 'never'}</span></div>
      </div>
    );
  }
  return (
    <div class="numbers">
      <div class="number-box"><span class="number-name">Records behind</span><span class="number-value">{count(total)}</span></div>
      <div class={late ? 'number-box number-late' : 'number-box'}><span class="number-name">Oldest not stored</span><span class="number-value">{age === null ? 'none' : seconds(age)}</span></div>
      <div class="number-box"><span class="number-name">Partitions behind</span><span class="number-value">{data.partitions.filter((p) => (p.lag ?? 0) > 0).length} <small>of {data.partitions.length}</small></span></div>
    </div>
  );
}
