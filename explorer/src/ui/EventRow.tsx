import type { WireEvent } from '../api/wire';
import { cellOf } from '../lib/columns';
import { previewOf } from '../lib/json';
import { clockOf, dayOf } from '../lib/time';
import { plainVisible } from '../lib/visible';
import { colourOf } from '../state/timeline';
import { Text } from './Text';

/** Characters of data that fit any screen; more would only cost. */
const PREVIEW = 260;

export interface EventRowProps {
  id: string;
  event: WireEvent;
  index: number;
  top: number;
  columns: readonly string[];
  by: 'type' | 'source';
  utc: boolean;
  selected: boolean;
  open: boolean;
  fresh: boolean;
  onOpen(this: void): void;
}

export function EventRow(props: EventRowProps) {
  const { event, columns } = props;
  const at = Date.parse(event.time);
  const colour = colourOf(props.by, props.by === 'type' ? event.type : event.source);
  const classes = ['row', props.selected ? 'row-selected' : '', props.open ? 'row-open' : '', props.fresh ? 'row-fresh' : ''].join(' ');
  return (
    <div id={props.id} class={classes} role="row" aria-rowindex={props.index + 2} aria-selected={props.open} style={{ top: `${props.top}px` }} onClick={props.onOpen}>
      <span class="cell cell-time" role="gridcell"><span class={`tick c${colour ?? 'x'}`} aria-hidden="true" /><time dateTime={event.time} title={event.time}><span class="cell-day">{dayOf(at, props.utc)}</span> {clockOf(at, props.utc, 'milli')}</time></span>
      {columns.map((column) => {
        const text = cellOf(event, column);
        return <span key={column} class={`cell cell-${column === 'type' || column === 'source' ? column : 'other'}`} role="gridcell" title={plainVisible(text.slice(0, 400))}><Text value={text.slice(0, 300)} /></span>;
      })}
      <span class="cell cell-data" role="gridcell"><Preview event={event} /></span>
    </div>
  );
}

function Preview({ event }: { event: WireEvent }) {
  if (event.data === undefined) return <span class="faint">{event.data_base64 === undefined ? 'no data' : `${Math.floor((event.data_base64.length * 3) / 4)} bytes`}</span>;
  return (
    <>
      {previewOf(event.data, PREVIEW).map((pair, i) => (
        <span key={i} class="pair">{pair.key !== '' && <span class="pair-key"><Text value={pair.key} />=</span>}<Text value={pair.value} /></span>
      ))}
    </>
  );
}
