/**
 * Text from outside, made safe to look at: characters that are invisible or that reorder what follows
 * are shown by their code, so that what is read is what is there.
 */

/* C0/C1 controls, soft hyphen, zero-width and bidi controls, line separators, invisible operators, BOM, interlinear marks, lone surrogates, tags. */
const HIDDEN =
  // eslint-disable-next-line no-control-regex, no-misleading-character-class -- controls and joiners are what is looked for
  /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]|\udb40[\udc00-\udc7f]/g;

const NAMES: Record<string, string> = {
  '0': 'NUL', '1b': 'ESC', '7f': 'DEL', ad: 'SHY', '200b': 'ZWSP', '200c': 'ZWNJ', '200d': 'ZWJ', '200e': 'LRM', '200f': 'RLM', '202a': 'LRE', '202b': 'RLE',
  '202c': 'PDF', '202d': 'LRO', '202e': 'RLO', '2066': 'LRI', '2067': 'RLI', '2068': 'FSI', '2069': 'PDI', feff: 'BOM',
};

export type Segment = { text: string } | { hidden: string; code: string };

/** Whether a text holds something that must be made visible. */
export function hasHidden(text: string): boolean {
  HIDDEN.lastIndex = 0;
  return HIDDEN.test(text);
}

export function segmentsOf(text: string): Segment[] {
  const segments: Segment[] = [];
  let from = 0;
  HIDDEN.lastIndex = 0;
  for (const match of text.matchAll(HIDDEN)) {
    if (match.index > from) segments.push({ text: text.slice(from, match.index) });
    const hex = (match[0].codePointAt(0) ?? 0).toString(16);
    segments.push({ hidden: NAMES[hex] ?? hex.toUpperCase(), code: `U+${hex.toUpperCase().padStart(4, '0')}` });
    from = match.index + match[0].length;
  }
  if (from < text.length) segments.push({ text: text.slice(from) });
  return segments;
}

/** The same for places that take only plain text: titles, labels, announcements. */
export function plainVisible(text: string): string {
  return hasHidden(text) ? segmentsOf(text).map((s) => ('text' in s ? s.text : `[${s.code}]`)).join('') : text;
}
