/** Keys that work wherever one is, except while typing. */
import { step } from '../state/detail';
import { buffered, pause, paused, resume } from '../state/live';
import { isDark, sidebar, theme } from '../state/preferences';
import { refresh } from '../state/query';
import { patchView, openEvent, view } from '../state/view';
import { resetZoom, shift, zoomOut } from '../state/zoom';
import { showShortcuts } from './Shortcuts';

const KEYS: Record<string, () => unknown> = {
  '?': showShortcuts,
  '/': () => press('filter'),
  t: () => press('range'),
  c: () => press('copy'),
  e: () => press('download'),
  r: refresh,
  l: () => patchView({ live: !view.value.live }),
  o: () => !view.value.live && patchView({ order: view.value.order === 'desc' ? 'asc' : 'desc' }),
  s: () => patchView({ by: view.value.by === 'type' ? 'source' : 'type' }, 'replace'),
  f: () => (sidebar.value = sidebar.value === 'open' ? 'closed' : 'open'),
  d: () => (theme.value = isDark() ? 'light' : 'dark'),
  '[': () => shift(-1),
  ']': () => shift(1),
  '-': zoomOut,
  '0': resetZoom,
};

/** Keys that move through the table even when it is not focused. */
const TABLE_KEYS = new Set(['j', 'k', 'ArrowDown', 'ArrowUp', 'g', 'G']);

export function listenForShortcuts(): void {
  document.addEventListener('keydown', (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target) || document.querySelector('dialog[open]')) return;
    if (event.key === 'Escape' && view.value.event !== null) {
      openEvent(null);
      document.getElementById('events')?.focus();
      return;
    }
    if (view.value.panel !== 'explore' && !['?', 'd'].includes(event.key)) return;
    if (event.key === ' ' && view.value.live && !isControl(event.target)) {
      if (paused.value) resume();
      else pause();
      void buffered.value;
      event.preventDefault();
      return;
    }
    if (TABLE_KEYS.has(event.key) && !isControl(event.target)) {
      if (view.value.event !== null && (event.key === 'j' || event.key === 'k')) step(event.key === 'j' ? 1 : -1);
      else {
        const table = document.getElementById('events');
        table?.focus();
        table?.dispatchEvent(new KeyboardEvent('keydown', { key: event.key, bubbles: false }));
      }
      event.preventDefault();
      return;
    }
    const run = Object.hasOwn(KEYS, event.key) ? KEYS[event.key] : undefined;
    if (!run || document.querySelector('.door')) return;
    event.preventDefault();
    run();
  });
}

function press(name: string): void {
  const target = document.querySelector<HTMLElement>(`[data-shortcut=${name}]`);
  if (target instanceof HTMLInputElement) target.focus();
  else target?.click();
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLInputElement ? !['checkbox', 'radio', 'button'].includes(target.type) : target instanceof HTMLTextAreaElement;
}

/** Something that has its own use for arrows and space. */
function isControl(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.closest('button, [role=menu], [role=tree], [role=listbox], [role=slider], [data-own-keys]') !== null;
}
