/** Dead letters and lag. */
import { randomOf } from './random';

const REASONS = [
  ['not-json', 'the value is not JSON although content-type says application/json', '{"order_id": "ord_1", "total": '],
  ['header-missing', 'the record has no ce_source header', '{"hello":"world"}'],
  ['time-invalid', 'ce_time is not RFC 3339: "yesterday"', '{"actor":"ana"}'],
  ['data-refused', 'PostgreSQL cannot hold \\u0000 in a string', '{"name":"\\u0000"}'],
  ['too-long', 'ce_subject has 4096 bytes, 255 are allowed', '<script>window.__pwned=1</script>'],
] as const;

const TOTAL = 137;
const PAGE = 50;

export function deadLetters(params: URLSearchParams, now: number): string {
  const start = Number(params.get('cursor') ?? 0);
  const rows = Array.from({ length: Math.min(PAGE, TOTAL - start) }, (_, i) => {
    const n = start + i;
    const random = randomOf(n + 9_000);
    const [reason, detail, value] = random.pick(REASONS);
    return {
      id: TOTAL - n, topic: 'events', kafka_partition: random.int(6), kafka_offset: 114_000 - n * 37, reason, detail,
      stored_at: new Date(now - n * 1_700_000 - random.int(600_000)).toISOString(),
      record_time: new Date(now - n * 1_700_000 - 900_000).toISOString(),
      headers: { ce_specversion: '1.0', ce_id: `legacy-${n}`, ce_type: random.pick(['order.placed', 'stock.adjusted']), 'content-type': 'application/json' },
      value_base64: Buffer.from(value).toString('base64'), value_bytes: value.length,
    };
  });
  return JSON.stringify({ dead_letters: rows, next: start + PAGE < TOTAL ? String(start + PAGE) : null });
}

export function lag(events: number, now: number): string {
  const partitions = Array.from({ length: 6 }, (_, p) => {
    const behind = [0, 3, 0, 1_840, 12, 0][p] ?? 0;
    const end = Math.floor(events / 6) + 81_200;
    return { kafka_partition: p, next_offset: end - behind, end_offset: end, lag: behind, updated_at: new Date(now - (behind > 1000 ? 41_000 : 600 + p * 90)).toISOString() };
  });
  return JSON.stringify({ topic: 'events', group: 'flumen-writer', total: partitions.reduce((sum, p) => sum + p.lag, 0), oldest_unwritten_seconds: 41.2, partitions });
}
