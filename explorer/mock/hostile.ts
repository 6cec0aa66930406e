/** Events that someone sent to break the page or to fool who reads it. */

export interface Hostile {
  subject: string;
  type?: string;
  extensions?: Record<string, string | number | boolean>;
  /** The JSON text of `data`, so that it can hold what JavaScript would change. */
  data: string;
}

export const HOSTILE: readonly Hostile[] = [
  { subject: '<img src=x onerror="window.__pwned=1">', data: JSON.stringify({ comment: '<script>window.__pwned=1</script>', html: '<svg onload=window.__pwned=1>' }) },
  { subject: 'invoice-\u202egnp.exe', data: JSON.stringify({ file: 'annual\u202etxt.exe', note: '\u2066hidden\u2069 \u200bzero\u200dwidth\ufeff', '\u202eyek': 'a key that reverses' }) },
  { subject: 'javascript:window.__pwned=1', data: JSON.stringify({ url: 'javascript:window.__pwned=1', link: 'https://example.com/reset?token=abc', data: 'data:text/html,<script>window.__pwned=1</script>' }) },
  { subject: '\u001b[31mred\u001b[0m alert', data: JSON.stringify({ ansi: '\u001b]8;;https://example.com\u0007click\u001b]8;;\u0007', bell: '\u0007', lines: 'one\r\ntwo\nthree' }) },
  { subject: "'; drop table events; --", data: '{"balance":123456789012345678901234567890,"price":1.10,"tiny":1e-400,"limit":9007199254740993,"negative":-0}' },
  { subject: '__proto__', data: '{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}},"":"empty key","a.b":"dotted key","toString":"x"}' },
  { subject: 'long-'.repeat(50), data: JSON.stringify({ blob: 'A'.repeat(20_000), words: 'lorem ipsum '.repeat(400) }) },
  { subject: 'deep', data: `${'{"n":'.repeat(60)}"bottom"${'}'.repeat(60)}` },
  { subject: 'عربي فاتورة', type: 'تسجيل.دخول', data: JSON.stringify({ name: 'שלום עולם', emoji: '👩🏽‍🚀🇧🇷', mixed: 'abc אבג 123' }), extensions: { tenant: 'مستأجر', attempt: 3, trusted: false } },
  { subject: '"}],"next":"x', data: JSON.stringify(Array.from({ length: 1_200 }, (_, i) => ({ i, even: i % 2 === 0 }))) },
];
