/** Short notes: shown for a moment, and read out by screen readers. */
import { signal } from '@preact/signals';

export const note = signal<{ text: string; id: number; shown: boolean } | null>(null);

const SHOWN_MS = 2_600;
let id = 0;

/** Says something that is not shown. */
export function announce(text: string): void {
  note.value = { text, id: (id += 1), shown: false };
}

/** Says something and shows it. */
export function toast(text: string): void {
  const mine = (id += 1);
  note.value = { text, id: mine, shown: true };
  setTimeout(() => {
    if (note.peek()?.id === mine) note.value = null;
  }, SHOWN_MS);
}

/** Copies, and says so. */
export async function copy(text: string, what: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    toast(`${what} copied`);
  } catch {
    toast(copyByHand(text) ? `${what} copied` : 'The browser does not let this page copy');
  }
}

/** The clipboard needs HTTPS or localhost; this older way does not. */
function copyByHand(text: string): boolean {
  const area = document.createElement('textarea');
  area.value = text;
  area.className = 'offscreen';
  (document.querySelector('dialog[open]') ?? document.body).append(area);
  const focused = document.activeElement;
  area.select();
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- the only way without a secure context
  const done = document.execCommand('copy');
  area.remove();
  if (focused instanceof HTMLElement) focused.focus();
  return done;
}
