import { afterEach, describe, expect, it, vi } from 'vitest';
import { Client } from '../../src/api/client';
import { download } from '../../src/api/download';
import { Failure, failureOf, parseRetryAfter } from '../../src/api/failure';
import { routes } from '../../src/api/routes';
import { OTHER, readStats } from '../../src/api/stats';
import { SseParser } from '../../src/api/sse';
import { followTail } from '../../src/api/tail';
import type { WireEvent } from '../../src/api/wire';

const query = { sources: ['shop-*', 'a b'], types: ['x&y'], subjects: ['s/1'], data: [{ path: 'a.b', value: '"5"' }], from: '2026-01-01T00:00:00Z', to: null };
const client = new Client('fl_secret', 'http://host/prefix/?source=x');

afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

function answer(...responses: (Response | Error)[]) {
  const calls: { url: string; headers: Headers }[] = [];
  vi.stubGlobal('fetch', (url: string, init: RequestInit) => {
    calls.push({ url, headers: new Headers(init.headers) });
    const next = responses.shift() ?? new Error('no more answers');
    return next instanceof Error ? Promise.reject(next) : Promise.resolve(next);
  });
  return calls;
}

describe('routes', () => {
  it('say every filter and escape it', () => {
    expect(routes.events(query, { order: 'desc', cursor: 'c=1' })).toBe('/v1/events?source=shop-*&source=a%20b&type=x%26y&subject=s/1&data.a.b=%225%22&from=2026-01-01T00:00:00Z&order=desc&limit=100&cursor=c%3D1');
    expect(routes.stats(query, '1h', 'type')).toBe('/v1/stats?bucket=1h&by=type&source=shop-*&source=a%20b&type=x%26y&from=2026-01-01T00:00:00Z');
    expect(routes.facet('type', query)).toBe('/v1/types?source=shop-*&source=a%20b&from=2026-01-01T00:00:00Z');
    expect(routes.tail(query, 't7')).toBe('/v1/tail?after=t7&source=shop-*&source=a%20b&type=x%26y');
    expect(() => routes.events({ ...query, subjects: ['\ud800'] }, { order: 'asc' })).not.toThrow();
  });
});

describe('readStats', () => {
  const head = { bucket: '1h', from: '2026-01-01T00:00:00Z', to: '2026-01-01T02:00:00Z', total: 6 };
  const starts = ['2026-01-01T00:00:00Z', '2026-01-01T01:00:00Z'];

  it('reads a series named by what it is split by, and the rest', () => {
    const stats = readStats({ ...head, buckets: starts, series: [{ type: 'a', total: 5, counts: [2, 3] }, { other: 9, total: 1, counts: [0, 1] }] }, 'type');
    expect(stats.series.map((s) => s.key)).toEqual(['a', OTHER]);
    expect(stats.starts).toEqual(starts.map((s) => Date.parse(s)));
  });

  it('reads a series with a key', () => {
    expect(readStats({ ...head, starts, series: [{ key: 'a', total: 6, counts: [3, 3] }] }, 'source')).toMatchObject({ by: 'source', series: [{ key: 'a' }], starts: [head.from, starts[1]].map((s) => Date.parse(s ?? '')) });
  });
});

describe('Client', () => {
  it('keeps a prefix of the page and sends the key in the header only', async () => {
    const calls = answer(new Response('{"a":1}', { headers: { 'x-flumen-as-of': '2026-01-01T00:00:00Z' } }));
    const heard: number[] = [];
    client.onAsOf = (at) => heard.push(at);
    expect((await client.get<{ a: number }>('/v1/whoami')).body).toEqual({ a: 1 });
    expect(calls[0]?.url).toBe('http://host/prefix/v1/whoami');
    expect(calls[0]?.url).not.toContain('fl_secret');
    expect(calls[0]?.headers.get('authorization')).toBe('Bearer fl_secret');
    expect(heard).toEqual([Date.UTC(2026, 0, 1)]);
  });

  it('turns a problem into words', async () => {
    answer(new Response('{"type":"/problems/x","title":"Slow down","status":429,"detail":"5 a second","request_id":"r1"}', { status: 429, headers: { 'content-type': 'application/problem+json', 'retry-after': '3' } }));
    const failure = await client.get('/v1/events').catch((e: unknown) => e as Failure);
    expect(failure).toMatchObject({ status: 429, title: 'Slow down', detail: '5 a second', requestId: 'r1' });
    expect((failure as Failure).retryAt).toBeGreaterThan(Date.now() + 2000);
  });

  it('has words where the answer has none', async () => {
    expect(await failureOf(new Response('<html>', { status: 502 }))).toMatchObject({ status: 502, detail: null });
    expect(await failureOf(new Response('[1', { status: 500, headers: { 'content-type': 'application/json' } }))).toMatchObject({ title: 'The server answered 500' });
    answer(new TypeError('Failed to fetch'));
    await expect(client.get('/v1/events')).rejects.toMatchObject({ status: 0 });
  });

  it('reads Retry-After as seconds or a date, within reason', () => {
    expect(parseRetryAfter('5', 1000)).toBe(6000);
    expect(parseRetryAfter(new Date(11_000).toUTCString(), 1000)).toBe(11_000);
    expect(parseRetryAfter('999999999', 0)).toBe(3_600_000);
    expect(parseRetryAfter('soon', 0)).toBeNull();
    expect(parseRetryAfter(null, 0)).toBeNull();
  });
});

describe('SseParser', () => {
  const stream = ': hello\r\nretry: 1500\n\nid: t1\nevent: event\ndata: {"a":\ndata: 1}\n\nid: t2\rdata:x\r\r\nevent: gap\ndata: {}\n\n: heartbeat\n\nid: bad\0\ndata\n\n';
  const expected = [
    { event: 'event', data: '{"a":\n1}', id: 't1' },
    { event: 'message', data: 'x', id: 't2' },
    { event: 'gap', data: '{}', id: 't2' },
    { event: 'message', data: '', id: 't2' },
  ];

  it('gives the same messages however the stream is cut', () => {
    for (let size = 1; size <= stream.length; size += 1) {
      const parser = new SseParser();
      const messages = [];
      for (let at = 0; at < stream.length; at += size) messages.push(...parser.push(stream.slice(at, at + size)));
      expect(messages, `pieces of ${size}`).toEqual(expected);
      expect(parser.retry).toBe(1500);
    }
  });
});

describe('followTail', () => {
  const sse = (text: string) => new Response(text, { headers: { 'content-type': 'text/event-stream' } });

  it('resumes after the last id, says gaps in their place, and stops where it makes no sense to go on', async () => {
    const calls = answer(
      sse('retry: 1\n\nid: t1\nevent: event\ndata: {"uid":"1"}\n\nid: t2\nevent: event\ndata: {"uid":"2"}\n\n'),
      new TypeError('connection lost'),
      sse('retry: 1\n\nid: t9\nevent: gap\ndata: {"detail":"6 were skipped"}\n\nid: t10\nevent: event\ndata: {"uid":"10"}\n\nevent: end\ndata: {}\n\n'),
      new Response('{"title":"No"}', { status: 401, headers: { 'content-type': 'application/problem+json' } }),
    );
    vi.useFakeTimers();
    const told: string[] = [];
    const done = followTail(client, (after) => `/v1/tail?after=${after ?? ''}`, null, {
      opened: () => told.push('opened'),
      events: (events: WireEvent[]) => told.push(events.map((e) => e.uid).join('+')),
      gap: (reason) => told.push(`gap: ${reason}`),
      waiting: () => told.push('waiting'),
      failed: (failure) => told.push(`failed ${failure.status}`),
    }, new AbortController().signal);
    await vi.runAllTimersAsync();
    await done;
    expect(told).toEqual(['opened', '1+2', 'waiting', 'waiting', 'opened', 'gap: 6 were skipped', '10', 'waiting', 'failed 401']);
    expect(calls.map((c) => c.url.split('?')[1])).toEqual(['after=', 'after=t2', 'after=t2', 'after=t10']);
  });
});

describe('download', () => {
  const pieces = (...texts: string[]) => new ReadableStream<Uint8Array>({ start(c) { for (const t of texts) c.enqueue(new TextEncoder().encode(t)); c.close(); } });

  it('counts rows on the way and gives the whole file', async () => {
    answer(new Response(pieces('{}\n{}', '\n{}\n')));
    const seen: (number | null)[] = [];
    const file = await download(client, '/v1/export', { countLines: true, signal: new AbortController().signal, progress: (p) => seen.push(p.rows) });
    expect(await file.text()).toBe('{}\n{}\n{}\n');
    expect(seen).toEqual([1, 3]);
  });

  it('refuses to pass off half a file as a whole one', async () => {
    let sent = false;
    answer(new Response(new ReadableStream<Uint8Array>({ pull(c) { if (sent) c.error(new TypeError('reset')); else c.enqueue(new TextEncoder().encode('{}\n')); sent = true; } })));
    await expect(download(client, '/v1/export', { countLines: true, signal: new AbortController().signal, progress: () => undefined })).rejects.toMatchObject({ title: 'The download broke off' });
  });
});
