/** The columns a table of events can have, and what stands in them. */
import type { WireEvent } from '../api/wire';
import { type Json, printJson, valueAt } from './json';

export const KNOWN_COLUMNS: readonly { id: string; title: string; width: string }[] = [
  { id: 'type', title: 'Type', width: '168px' },
  { id: 'source', title: 'Source', width: '120px' },
  { id: 'subject', title: 'Subject', width: '136px' },
  { id: 'id', title: 'Id', width: '184px' },
  { id: 'uid', title: 'Uid', width: '280px' },
  { id: 'recordedtime', title: 'Received', width: '208px' },
  { id: 'kafkapartition', title: 'Partition', width: '80px' },
  { id: 'kafkaoffset', title: 'Offset', width: '104px' },
];

const OTHER_WIDTH = '160px';

export function titleOf(column: string): string {
  return KNOWN_COLUMNS.find((c) => c.id === column)?.title ?? column;
}

/** The widths of a row, as a CSS grid has them: the time, the columns, and the data in what is left. */
export function gridOf(columns: readonly string[]): string {
  return ['156px', ...columns.map((c) => KNOWN_COLUMNS.find((k) => k.id === c)?.width ?? OTHER_WIDTH), 'minmax(240px, 1fr)'].join(' ');
}

/** The least width of a row, so that many columns scroll sideways rather than vanish. */
export function leastWidth(columns: readonly string[]): number {
  const least = columns.map((c) => Number(/\d+/.exec(KNOWN_COLUMNS.find((k) => k.id === c)?.width ?? OTHER_WIDTH)?.[0] ?? 96));
  return 156 + 240 + least.reduce((sum, w) => sum + w, 0) + (columns.length + 2) * 12;
}

/** What an event has in a column: an attribute, an extension, or `data.` and a path. */
export function cellOf(event: WireEvent, column: string): string {
  const value: Json | undefined = column.startsWith('data.') ? valueAt(event.data, column.slice(5)) : Object.hasOwn(event, column) ? event[column] : undefined;
  return value === undefined ? '' : typeof value === 'string' ? value : printJson(value);
}
