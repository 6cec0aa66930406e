/** Everything about an event but its data. */
import type { ComponentChildren } from 'preact';
import { ATTRIBUTES, type WireEvent } from '../api/wire';
import { count, seconds, traceIdOf } from '../lib/format';
import { printJson } from '../lib/json';
import { plainVisible } from '../lib/visible';
import { copy } from '../state/announce';
import { addFilter } from '../state/view';
import { Icon } from './Icon';
import { Text } from './Text';

export function Attributes({ event }: { event: WireEvent }) {
  const trace = traceIdOf(event.traceparent);
  const extensions = Object.entries(event).filter(([name]) => !ATTRIBUTES.has(name));
  return (
    <dl class="attributes">
      <Attribute name="Source" value={event.source} filter="source" />
      <Attribute name="Type" value={event.type} filter="type" />
      {event.subject !== undefined && <Attribute name="Subject" value={event.subject} filter="subject" />}
      <Attribute name="Id" value={event.id} />
      <Attribute name="Uid" value={event.uid} />
      <Attribute name="Time" value={event.time} />
      {event.recordedtime !== undefined && <Attribute name="Received" value={event.recordedtime} note={delayOf(event.time, event.recordedtime)} />}
      {event.kafkapartition !== undefined && event.kafkaoffset !== undefined && (
        <Attribute name="Kafka" value={`${event.kafkapartition}/${event.kafkaoffset}`}>
          partition <strong>{event.kafkapartition}</strong> · offset <strong>{count(event.kafkaoffset)}</strong>
        </Attribute>
      )}
      {event.traceparent !== undefined && <Attribute name="Trace" value={trace ?? event.traceparent} />}
      {event.datacontenttype !== undefined && <Attribute name="Content" value={event.datacontenttype} />}
      {event.dataschema !== undefined && <Attribute name="Schema" value={event.dataschema} />}
      {extensions.map(([name, value]) => <Attribute key={name} name={name} value={typeof value === 'string' ? value : printJson(value)} extension />)}
    </dl>
  );
}

interface AttributeProps {
  name: string;
  value: string;
  filter?: 'source' | 'type' | 'subject';
  note?: string | null;
  extension?: boolean;
  children?: ComponentChildren;
}

function Attribute({ name, value, filter, note, extension, children }: AttributeProps) {
  return (
    <div class="attribute">
      <dt title={extension ? 'An extension attribute' : undefined}><Text value={name} class={extension ? 'mono' : ''} /></dt>
      <dd>
        <span class="attribute-value">{children ?? <Text value={value} />}{note != null && <span class="attribute-note">{note}</span>}</span>
        <span class="node-actions">
          {filter && <button type="button" class="node-action" aria-label={`Filter by ${name.toLowerCase()} ${plainVisible(value)}`} title="Filter by this value" onClick={() => addFilter({ field: filter, value })}><Icon name="filterIn" size={14} /></button>}
          <button type="button" class="node-action" aria-label={`Copy ${plainVisible(name)}`} title="Copy" onClick={() => void copy(value, plainVisible(name))}><Icon name="copy" size={14} /></button>
        </span>
      </dd>
    </div>
  );
}

/** How long after it happened an event was received. */
function delayOf(time: string, received: string): string | null {
  const delta = (Date.parse(received) - Date.parse(time)) / 1000;
  if (!Number.isFinite(delta)) return null;
  return delta >= 0 ? `${seconds(delta)} later` : `${seconds(-delta)} earlier`;
}
