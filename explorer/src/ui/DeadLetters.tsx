/** Records that could not become events: why, where they came from, and what they were. */
import { useState } from 'preact/hooks';
import type { DeadLetter } from '../api/wire';
import { count } from '../lib/format';
import { clockOf, dayOf } from '../lib/time';
import { letters, loadLetters } from '../state/operations';
import { zone } from '../state/preferences';
import { client } from '../state/session';
import { copy } from '../state/announce';
import { FailureView } from './FailureView';
import { Icon } from './Icon';
import { Text } from './Text';

export function DeadLetters() {
  const { rows, next, loading, failure, asked } = letters.value;
  const load = (more: boolean): void => {
    if (client.value) void loadLetters(client.value, more);
  };
  return (
    <section class="card" aria-labelledby="letters-title" aria-busy={loading}>
      <div class="card-head">
        <h1 id="letters-title">Dead letters</h1>
        <p class="muted">Records set aside by the writer. They are stored again with <code>flumen dead-letters replay</code>.</p>
        <span class="grow" />
        <button type="button" class={loading ? 'button busy' : 'button'} aria-label="Refresh the dead letters" onClick={() => load(false)}><Icon name="refresh" /></button>
      </div>
      {failure && <FailureView compact={rows.length > 0} failure={failure} retry={() => load(rows.length > 0)} />}
      {rows.length === 0 && asked && !loading && !failure && <div class="empty"><Icon name="check" size={24} /><p class="empty-title">No dead letters</p><p class="muted">Every record became an event.</p></div>}
      {rows.length > 0 && (
        <div class="grid-scroll" tabIndex={0} role="region" aria-label="Table of dead letters">
          <table class="grid grid-letters">
            <thead><tr><th scope="col">Set aside</th><th scope="col">Reason</th><th scope="col" class="only-wide">Record</th><th scope="col" class="only-wide">Detail</th><th scope="col"><span class="offscreen">More</span></th></tr></thead>
            <tbody>{rows.map((letter) => <LetterRow key={letter.id} letter={letter} />)}</tbody>
          </table>
        </div>
      )}
      {next !== null && <div class="grid-more"><button type="button" class="button" disabled={loading} onClick={() => load(true)}>{loading ? 'Loading…' : 'Load more'}</button><span class="muted">{count(rows.length)} shown</span></div>}
    </section>
  );
}

function LetterRow({ letter }: { letter: DeadLetter }) {
  const [open, setOpen] = useState(false);
  const utc = zone.value === 'utc';
  const at = Date.parse(letter.stored_at);
  const place = `${letter.topic}/${letter.kafka_partition}/${letter.kafka_offset}`;
  return (
    <>
      <tr class={open ? 'letter-open' : ''}>
        <td class="mono nowrap">{dayOf(at, utc)} {clockOf(at, utc)}</td>
        <td><span class="chip chip-bad"><Text value={letter.reason} /></span></td>
        <td class="mono nowrap only-wide"><Text value={place} /></td>
        <td class="letter-detail only-wide"><Text value={letter.detail ?? ''} /></td>
        <td><button type="button" class="button button-ghost" aria-expanded={open} aria-label={`Record ${place}`} onClick={() => setOpen(!open)}><Icon name={open ? 'up' : 'down'} /></button></td>
      </tr>
      {open && <tr class="letter-record"><td colSpan={5}><Record letter={letter} place={place} /></td></tr>}
    </>
  );
}

function Record({ letter, place }: { letter: DeadLetter; place: string }) {
  const value = letter.value_base64 == null ? null : textOf(letter.value_base64);
  return (
    <div class="record">
      <dl class="attributes only-narrow">
        <div class="attribute"><dt>Record</dt><dd><span class="attribute-value"><Text value={place} /></span></dd></div>
        <div class="attribute"><dt>Detail</dt><dd><span class="attribute-value"><Text value={letter.detail ?? ''} /></span></dd></div>
      </dl>
      <dl class="attributes">{Object.entries(letter.headers ?? {}).map(([name, text]) => <div key={name} class="attribute"><dt class="mono"><Text value={name} /></dt><dd><span class="attribute-value mono"><Text value={text} /></span></dd></div>)}</dl>
      {value === null ? <p class="muted">The record has no value.</p> : <pre class="raw"><Text value={value} /></pre>}
      {value !== null && <button type="button" class="button" onClick={() => void copy(value, 'Value')}><Icon name="copy" /><span>Copy the value</span></button>}
    </div>
  );
}

/** The bytes as text; what is no UTF-8 shows as replacement characters. */
function textOf(base64: string): string {
  try {
    return new TextDecoder().decode(Uint8Array.from(atob(base64), (c) => c.charCodeAt(0)));
  } catch {
    return base64;
  }
}
