/** The routes that answer with a stream: the tail and the exports. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { matches } from '../src/lib/filter';
import type { MockKey } from './keys';
import { BadRequest, selectionOf, selects } from './select';
import type { Store } from './store';

const TICK_MS = 100;
const HEARTBEAT_MS = 10_000;
/** A tail that asks for more than this many events ago is told that there is a gap. */
const KEPT = 5_000;

export function tail(store: Store, params: URLSearchParams, key: MockKey, request: IncomingMessage, response: ServerResponse): void {
  const sources = params.getAll('source');
  const types = params.getAll('type');
  const after = params.get('after');
  let at = store.length;
  if (after !== null) {
    const match = /^t(\d+)$/.exec(after);
    if (!match) throw new BadRequest('invalid-cursor', '`after` is not a position of this feed');
    at = Number(match[1]) + 1;
  }
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-accel-buffering': 'no' });
  response.write('retry: 1000\n: welcome\n\n');
  if (store.length - at > KEPT) {
    response.write(`event: gap\nid: t${store.length - 1}\ndata: ${JSON.stringify({ reason: 'expired', detail: `${store.length - at} events are too old for the tail; read them from the feed` })}\n\n`);
    at = store.length;
  }
  const wanted = (index: number): boolean =>
    key.sources.some((p) => matches(p, store.source(index))) &&
    (sources.length === 0 || sources.some((p) => matches(p, store.source(index)))) &&
    (types.length === 0 || types.some((p) => matches(p, store.type(index))));
  const ticker = setInterval(() => {
    store.advance(Date.now());
    for (; at < store.length; at += 1) if (wanted(at)) response.write(`event: event\nid: t${at}\ndata: ${store.json(at)}\n\n`);
  }, TICK_MS);
  const heart = setInterval(() => response.write(': heartbeat\n\n'), HEARTBEAT_MS);
  request.on('close', () => {
    clearInterval(ticker);
    clearInterval(heart);
  });
}

const TYPES = { ndjson: 'application/x-ndjson', csv: 'text/csv; charset=utf-8', parquet: 'application/vnd.apache.parquet' } as const;

export async function exportRows(store: Store, params: URLSearchParams, key: MockKey, response: ServerResponse, options: { bytesPerSecond: number; breakAfter: number | null }): Promise<void> {
  const format = params.get('format') ?? 'ndjson';
  if (!Object.hasOwn(TYPES, format)) throw new BadRequest('format-invalid', '`format` must be ndjson, csv or parquet');
  const selection = selectionOf(store, params, key.sources);
  response.writeHead(200, { 'content-type': TYPES[format as keyof typeof TYPES], 'content-disposition': `attachment; filename="events.${format}"` });
  let chunk = format === 'csv' ? 'time,uid,source,type,subject,data\r\n' : format === 'parquet' ? 'PAR1' : '';
  let rows = 0;
  for (let i = selection.end - 1; i >= selection.start; i -= 1) {
    if (!selects(store, selection, i)) continue;
    chunk += format === 'csv' ? csvRow(store, i) : `${store.json(i)}\n`;
    rows += 1;
    if (options.breakAfter !== null && rows >= options.breakAfter) {
      response.write(chunk, () => response.destroy());
      return;
    }
    if (chunk.length < 65_536) continue;
    await write(response, chunk, options.bytesPerSecond);
    if (response.destroyed) return;
    chunk = '';
  }
  response.end(format === 'parquet' ? `${chunk}PAR1` : chunk);
}

async function write(response: ServerResponse, chunk: string, bytesPerSecond: number): Promise<void> {
  const drained = response.write(chunk);
  if (!drained) await new Promise<void>((resolve) => response.once('drain', resolve).once('close', resolve));
  if (bytesPerSecond > 0) await new Promise((resolve) => setTimeout(resolve, (chunk.length / bytesPerSecond) * 1000));
}

function csvRow(store: Store, index: number): string {
  const cell = (text: string): string => `"${(/^[=+\-@\t\r]/.test(text) ? `'${text}` : text).replace(/"/g, '""')}"`;
  return `${[new Date(store.times[index] ?? 0).toISOString(), store.uid(index), store.source(index), store.type(index), store.subject(index) ?? '', store.data(index)].map(cell).join(',')}\r\n`;
}
