/** One event in full. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { routes } from '../api/routes';
import type { WireEvent } from '../api/wire';
import { curlOf } from '../lib/copy-as';
import { printJson } from '../lib/json';
import { ago, clockOf, dayOf, MINUTE } from '../lib/time';
import { copy } from '../state/announce';
import { now } from '../state/clock';
import { detail, loadDetail, openIndex, step } from '../state/detail';
import { zone } from '../state/preferences';
import { client } from '../state/session';
import { colourOf } from '../state/timeline';
import { openEvent, patchView, view } from '../state/view';
import { Attributes } from './Attributes';
import { FailureView } from './FailureView';
import { Icon } from './Icon';
import { JsonTree } from './JsonTree';
import { Text } from './Text';
import { useCompact } from './use-compact';

export function Drawer() {
  const uid = view.value.event;
  const panel = useRef<HTMLElement>(null);
  const compact = useCompact();
  // On a phone it covers the page, so it takes the focus; beside the table the arrow keys go on working there.
  useEffect(() => {
    if (uid !== null && compact) panel.current?.focus();
  }, [uid, compact]);
  if (uid === null) return null;
  const { data, loading, failure } = detail.state.value;
  return (
    <aside ref={panel} class="drawer" aria-label="Event" tabIndex={-1} aria-busy={loading}>
      <DrawerHead event={data} />
      <div class="drawer-body" tabIndex={0} role="region" aria-label="Details of the event">
        {failure && <FailureView failure={failure} retry={() => client.value && loadDetail(client.value, uid)} />}
        {loading && <div class="skeleton-list" aria-hidden="true">{[60, 90, 75, 82, 40, 88].map((w) => <span key={w} class="skeleton" style={{ width: `${w}%` }} />)}</div>}
        {data && <Content key={data.uid} event={data} />}
      </div>
    </aside>
  );
}

function DrawerHead({ event }: { event: WireEvent | null }) {
  const utc = zone.value === 'utc';
  const at = event ? Date.parse(event.time) : 0;
  const { by } = view.value;
  return (
    <div class="drawer-head">
      <div class="drawer-title">
        {event && <h2><span class={`dot c${colourOf(by, by === 'type' ? event.type : event.source) ?? 'x'}`} aria-hidden="true" /><Text value={event.type} /></h2>}
        {event && <p class="muted">{dayOf(at, utc)} {clockOf(at, utc, 'milli')}{utc ? ' UTC' : ''} · {ago(at, now.value)}</p>}
      </div>
      <div class="button-group">
        <button type="button" class="button button-ghost" aria-label="The event above (k)" title="The event above (k)" disabled={openIndex.value <= 0} onClick={() => step(-1)}><Icon name="up" /></button>
        <button type="button" class="button button-ghost" aria-label="The event below (j)" title="The event below (j)" disabled={openIndex.value < 0} onClick={() => step(1)}><Icon name="down" /></button>
        <button type="button" class="button button-ghost" aria-label="Close (Esc)" title="Close (Esc)" onClick={() => {
          openEvent(null);
          document.getElementById('events')?.focus();
        }}><Icon name="close" /></button>
      </div>
    </div>
  );
}

function Content({ event }: { event: WireEvent }) {
  const [raw, setRaw] = useState(false);
  const data = event.data;
  const curl = curlOf(client.value?.url(routes.event(event.uid)) ?? '');
  return (
    <>
      <div class="drawer-actions">
        <button type="button" class="button" onClick={() => void copy(printJson(event, 2), 'Event')}><Icon name="copy" /><span>Copy JSON</span></button>
        <button type="button" class="button" onClick={() => void copy(curl, 'curl command')}><Icon name="code" /><span>curl</span></button>
        <button type="button" class="button" onClick={() => void copy(location.href, 'Link')}><Icon name="link" /><span>Link</span></button>
        <button type="button" class="button" title="Everything from this source, five minutes around it" onClick={() => around(event)}><Icon name="around" /><span>Around it</span></button>
      </div>
      <section class="drawer-section">
        <h3>Attributes</h3>
        <Attributes event={event} />
      </section>
      <section class="drawer-section">
        <h3>
          <span>Data</span>
          {data !== undefined && (
            <span class="segmented segmented-small" role="group" aria-label="How the data is shown">
              <button type="button" aria-pressed={!raw} onClick={() => setRaw(false)}>Tree</button>
              <button type="button" aria-pressed={raw} onClick={() => setRaw(true)}>JSON</button>
            </span>
          )}
        </h3>
        {data === undefined ? event.data_base64 === undefined ? <p class="muted">This event has no data.</p> : <pre class="raw"><Text value={event.data_base64} /></pre>
          : raw ? <pre class="raw"><Text value={printJson(data, 2)} /></pre> : <JsonTree value={data} />}
      </section>
    </>
  );
}

/** What else the same source said at that time. */
function around(event: WireEvent): void {
  const at = Date.parse(event.time);
  patchView({ filters: [{ field: 'source', value: event.source }], range: { kind: 'between', from: at - 5 * MINUTE, to: at + 5 * MINUTE }, live: false });
}
