/** Moving through time: zoom in and out, shift, and back to where one was. */
import { computed } from '@preact/signals';
import { MINUTE, SECOND } from '../lib/time';
import { asked } from './query';
import { patchView, setRange, view } from './view';

/** Where zooming began, so that one step leads back. */
let before: typeof view.value.range | null = null;

/** A range of less than this shows nothing that a wider one would not. */
const LEAST_MS = SECOND;

export const zoomed = computed(() => view.value.range.kind === 'between');

export function zoomTo(from: number, to: number): void {
  if (view.value.range.kind === 'last') before = view.value.range;
  patchView({ range: { kind: 'between', from: Math.floor(from), to: Math.ceil(Math.max(to, from + LEAST_MS)) }, live: false });
}

export function resetZoom(): void {
  setRange(before ?? { kind: 'last', seconds: 24 * 3600 });
  before = null;
}

export function zoomOut(): void {
  const { from, to } = span();
  const half = Math.max(to - from, MINUTE) / 2;
  zoomTo(from - half, Math.min(to + half, Math.max(Date.now(), to)));
}

/** Moves by half of what is shown. */
export function shift(direction: -1 | 1): void {
  const { from, to } = span();
  const step = ((to - from) / 2) * direction;
  zoomTo(from + step, to + step);
}

function span(): { from: number; to: number } {
  const { from, to } = asked.value;
  return { from, to };
}
