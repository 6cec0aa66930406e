// A client in TypeScript, made of nothing but the OpenAPI documents: that this compiles is half of the test.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import createClient from 'openapi-fetch';
import type { paths as IngestPaths } from './generated/ingest-api.js';
import type { paths as QueryPaths } from './generated/query-api.js';

function need(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set; run: scripts/with-stack target/debug tests/clients/run`);
  return value;
}

const bearer = (key: string) => ({ authorization: `Bearer ${key}` });
const ingest = createClient<IngestPaths>({ baseUrl: need('FLUMEN_INGEST_URL'), headers: bearer(need('FLUMEN_PRODUCER_KEY')) });
const query = createClient<QueryPaths>({
  baseUrl: need('FLUMEN_QUERY_URL'),
  headers: bearer(need('FLUMEN_READER_KEY')),
  // `data.<path>` filters are parameters of their own, as the document says.
  querySerializer: { object: { style: 'form', explode: true } },
});
const source = `clients-ts-${randomUUID()}`;

test('what was sent is read back, with types all the way', async () => {
  const events = Array.from({ length: 250 }, (_, n) => ({ source, type: n % 2 ? 'odd' : 'even', id: `e-${n}`, data: { n, deep: { label: `n${n}` } } }));
  const sent = await ingest.POST('/v1/events', { body: events });
  assert.equal(sent.response.status, 202);
  assert.equal(sent.data?.accepted, 250);
  const uid = sent.data?.events[249]?.uid;
  assert.ok(uid);

  const one = await query.GET('/v1/events/{uid}', { params: { path: { uid }, query: { wait: '20s' } } });
  assert.equal(one.data?.source, source);
  assert.equal(one.data?.kafkapartition === undefined, false);

  // Until all are stored; the last one of one partition says nothing of the others.
  let seen = new Set<string>();
  for (const end = Date.now() + 30_000; seen.size < 250 && Date.now() < end; ) {
    seen = new Set();
    let cursor: string | undefined;
    do {
      const page = await query.GET('/v1/events', { params: { query: { source: [source], limit: 40, order: 'asc', ...(cursor ? { cursor } : {}) } } });
      assert.ok(page.data, JSON.stringify(page.error));
      for (const event of page.data.events) seen.add(event.id ?? '');
      cursor = page.data.next ?? undefined;
    } while (cursor);
  }
  assert.equal(seen.size, 250);

  const filtered = await query.GET('/v1/events', { params: { query: { source: [source], type: ['odd'], data: { 'data.deep.label': 'n7' }, fields: 'id,data' } } });
  assert.deepEqual(filtered.data?.events.map((event) => event.id), ['e-7']);

  const stats = await query.GET('/v1/stats', { params: { query: { source: [source], by: 'type', bucket: '1m' } } });
  assert.equal(stats.data?.total, 250);
  assert.deepEqual(stats.data?.series.map((series) => [series.type, series.total]).sort(), [['even', 125], ['odd', 125]]);
});

test('the feed is followed by its cursor', async () => {
  let after: string | undefined;
  const ids: string[] = [];
  for (;;) {
    const page = await query.GET('/v1/feed', { params: { query: { source: [source], limit: 60, ...(after ? { after } : {}) } } });
    assert.ok(page.data, JSON.stringify(page.error));
    ids.push(...page.data.events.map((event) => event.id ?? ''));
    after = page.data.next;
    if (page.data.caught_up) break;
  }
  assert.equal(ids.length, 250);
  assert.equal(new Set(ids).size, 250);
});

test('a refusal is a typed problem', async () => {
  const refused = await query.GET('/v1/events', { params: { query: { cursor: 'rubbish' } } });
  assert.equal(refused.response.status, 400);
  assert.equal(refused.error?.type, '/problems/invalid-cursor');
  assert.ok(refused.error?.request_id);
  const meaning = await fetch(new URL(refused.error.type, need('FLUMEN_QUERY_URL')));
  assert.equal(((await meaning.json()) as { name: string }).name, 'invalid-cursor');

  const events = await ingest.POST('/v1/events', { body: [{ source, type: 'bad', time: 'yesterday' }] });
  assert.equal(events.response.status, 422);
  const problem = events.error as { events?: { type?: string; pointer?: string }[] };
  assert.deepEqual(problem.events?.map(({ type, pointer }) => [type, pointer]), [['/problems/time-invalid', '/time']]);
});
