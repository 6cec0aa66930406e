import { describe, expect, it } from 'vitest';
import { bucketMs, chooseBucket } from '../../src/lib/buckets';
import { ago, DAY, describeRange, HOUR, MINUTE, parseDuration, parseInstant, printDuration, rfc3339 } from '../../src/lib/time';

describe('parseInstant', () => {
  it('reads RFC 3339 and what people type', () => {
    expect(parseInstant('2026-11-21T12:00:00.5Z', false)).toBe(Date.UTC(2026, 10, 21, 12, 0, 0, 500));
    expect(parseInstant('2026-11-21 12:00', true)).toBe(Date.UTC(2026, 10, 21, 12));
    expect(parseInstant('2026-11-21', true)).toBe(Date.UTC(2026, 10, 21));
    expect(parseInstant('2026-11-21T12:00:00+02:00', true)).toBe(Date.UTC(2026, 10, 21, 10));
  });

  it('refuses days that do not exist and everything else', () => {
    for (const text of ['2026-02-30 10:00', '2026-13-01', 'now', '', '12:00', '2026-11-21 25:00', '2026-11-21T12:00:00Zzz']) expect(parseInstant(text, true), text).toBeNull();
  });
});

describe('durations', () => {
  it('are read and written', () => {
    for (const text of ['45s', '5m', '24h', '7d']) expect(printDuration(parseDuration(text) ?? 0)).toBe(text);
    expect(parseDuration('2w')).toBe(14 * 86_400);
    for (const text of ['0m', '-5m', '5', 'm', '99999d', '5 years']) expect(parseDuration(text), text).toBeNull();
  });
});

describe('words', () => {
  it('say how long ago', () => {
    expect(ago(1000, 1500)).toBe('just now');
    expect(ago(0, 90 * MINUTE)).toBe('1 h ago');
    expect(ago(0, 47 * HOUR)).toBe('47 h ago');
    expect(ago(10 * DAY, 0)).toBe('in 10 d');
  });

  it('describe a range', () => {
    expect(describeRange({ kind: 'last', seconds: 3600 }, true)).toBe('Last hour');
    expect(describeRange({ kind: 'last', seconds: 5400 }, true)).toBe('Last 90m');
    expect(describeRange({ kind: 'between', from: Date.UTC(2026, 10, 20, 8), to: Date.UTC(2026, 10, 20, 9) }, true)).toBe('20 Nov 08:00 – 09:00');
  });

  it('write RFC 3339 without needless zeros', () => {
    expect(rfc3339(Date.UTC(2026, 0, 1))).toBe('2026-01-01T00:00:00Z');
    expect(rfc3339(Date.UTC(2026, 0, 1, 10, 20, 30, 120))).toBe('2026-01-01T10:20:30.12Z');
    for (const ms of [0, 1, 10, 1_700_000_000_000, 1_700_000_050_500]) expect(Date.parse(rfc3339(ms))).toBe(ms);
  });
});

describe('chooseBucket', () => {
  it('is as fine as the bars allow', () => {
    expect(chooseBucket(0, 15 * MINUTE)).toBe('1m');
    expect(chooseBucket(0, DAY)).toBe('10m');
    expect(chooseBucket(0, 7 * DAY)).toBe('1h');
    expect(chooseBucket(0, 7 * DAY, 100)).toBe('6h');
    expect(chooseBucket(0, 3650 * DAY)).toBe('1d');
    expect(bucketMs(chooseBucket(0, 30 * DAY))).toBe(6 * HOUR);
  });
});
