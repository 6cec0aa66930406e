/** The events, one to a row; only those in sight are in the page. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { gridOf, leastWidth, titleOf } from '../lib/columns';
import { scrollToRow, windowOf } from '../lib/virtual';
import { openIndex, rowsNow } from '../state/detail';
import { isGap, liveRows } from '../state/live';
import { zone } from '../state/preferences';
import { ensureRows, loadMore, results } from '../state/results';
import { openEvent, patchView, view } from '../state/view';
import { EventRow } from './EventRow';
import { Icon } from './Icon';
import { TableEnd } from './TableEnd';
import { Text } from './Text';
import { useCompact } from './use-compact';
import { useSize } from './use-size';
import { withKey } from './with-key';

const ROW = 32;
/** The line of titles, which stays over the rows. */
const HEAD = 30;
/** On a phone a row has two lines. */
const TALL_ROW = 58;
const OVERSCAN = 12;
/** So many rows before the end, more are read. */
const AHEAD = 60;

export function EventTable() {
  const body = useRef<HTMLDivElement>(null);
  const size = useSize(body);
  const [top, setTop] = useState(0);
  const [cursor, setCursor] = useState(-1);
  const compact = useCompact();
  const { live, columns, by, order, event: openUid } = view.value;
  const { version, pages } = results.value;
  const rows = rowsNow();
  const height = compact ? TALL_ROW : ROW;
  const viewport = size.height - (compact ? 0 : HEAD);
  const win = windowOf(top, viewport, rows.length, height, OVERSCAN);
  const utc = zone.value === 'utc';
  const at = openIndex.value >= 0 ? openIndex.value : cursor;

  // A new query begins at its top.
  useEffect(() => {
    body.current?.scrollTo({ top: 0 });
    setCursor(-1);
  }, [pages, live]);

  useEffect(() => {
    if (live) return;
    ensureRows(win.start, win.end);
    if (win.end + AHEAD >= rows.length) loadMore();
  }, [live, win.start, win.end, rows.length, version]);

  const reveal = (row: number): void => {
    const to = scrollToRow(row, body.current?.scrollTop ?? 0, viewport, rows.length, height);
    if (to !== null) body.current?.scrollTo({ top: to });
  };
  useEffect(() => {
    if (openIndex.value >= 0) {
      setCursor(openIndex.value);
      reveal(openIndex.value);
    }
  }, [openUid]);

  const onKeyDown = (event: KeyboardEvent): void => {
    const screen = Math.max(1, Math.floor(viewport / height) - 1);
    const steps: Record<string, number> = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1, PageDown: screen, PageUp: -screen, Home: -Infinity, g: -Infinity, End: Infinity, G: Infinity };
    const step = event.ctrlKey || event.metaKey || event.altKey ? undefined : steps[event.key];
    if (step !== undefined && rows.length > 0) {
      const next = Math.min(Math.max(0, at + step), rows.length - 1);
      setCursor(next);
      reveal(next);
      const row = rows.at(next);
      // While an event is open, moving shows the next one.
      if (openUid !== null && row) openEvent(row.uid);
      event.preventDefault();
      event.stopPropagation();
    } else if (event.key === 'Enter') {
      const row = rows.at(at);
      if (row) openEvent(row.uid);
    }
  };

  const all = liveRows.value;
  return (
    <div class={compact ? 'table table-compact' : 'table'} style={{ '--grid': gridOf(columns), '--least': `${compact ? 0 : leastWidth(columns)}px` }}>
      <div class="table-scroll" ref={body} onScroll={(event) => setTop(event.currentTarget.scrollTop)}>
        <div role="grid" aria-label="Events" aria-rowcount={live || pages.ended ? rows.length + 1 : -1} aria-colcount={columns.length + 2} aria-busy={results.value.loading}
          id="events" class="table-grid" tabIndex={0} aria-activedescendant={at >= win.start && at < win.end ? `row-${at}` : undefined} onKeyDown={onKeyDown}>
          <div class="row row-head" role="row" aria-rowindex={1}>
            <span class="cell" role="columnheader" aria-sort={order === 'desc' ? 'descending' : 'ascending'}>
              <button type="button" class="sort" disabled={live} title={withKey(order === 'desc' ? 'Newest first' : 'Oldest first', 'o')} onClick={() => patchView({ order: order === 'desc' ? 'asc' : 'desc' })}>
                Time<Icon name={order === 'desc' ? 'down' : 'up'} size={12} />
              </button>
            </span>
            {columns.map((column) => <span key={column} class="cell" role="columnheader"><Text value={titleOf(column)} /></span>)}
            <span class="cell" role="columnheader">Data</span>
          </div>
          <div class="rows" role="presentation" style={{ height: `${win.height}px` }}>
            {Array.from({ length: Math.max(0, win.end - win.start) }, (_, i) => {
              const index = win.start + i;
              const place = win.offset + i * height;
              const event = rows.at(index);
              const gap = live ? all[index] : undefined;
              if (gap && isGap(gap)) return <GapRow key={`gap-${gap.at}`} top={place} text={gap.gap} />;
              if (!event) return <div key={index} class="row row-empty" role="row" style={{ top: `${place}px` }}><span class="skeleton" role="gridcell" aria-label="Loading" /></div>;
              return <EventRow key={event.uid} id={`row-${index}`} event={event} index={index} top={place} columns={columns} by={by} utc={utc} selected={index === at} open={event.uid === openUid} fresh={live && top === 0}
                onOpen={() => {
                  setCursor(index);
                  openEvent(event.uid === openUid ? null : event.uid);
                }} />;
            })}
          </div>
        </div>
        <TableEnd />
      </div>
    </div>
  );
}

function GapRow({ top, text }: { top: number; text: string }) {
  return (
    <div class="row row-gap" role="row" style={{ top: `${top}px` }}>
      <span role="gridcell"><Icon name="warning" size={14} /> <strong>Gap.</strong> <Text value={text === '' ? 'Some events were skipped by the live tail; they are in the past.' : text} /></span>
    </div>
  );
}
