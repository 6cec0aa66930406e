/** How this person likes the page: kept in the browser, no part of the address. */
import { effect, type Signal, signal } from '@preact/signals';

export type Theme = 'system' | 'light' | 'dark';

export const theme = kept<Theme>('theme', 'system', ['system', 'light', 'dark']);
/** Times in UTC rather than in the zone of the browser. */
export const zone = kept<'local' | 'utc'>('zone', 'local', ['local', 'utc']);
export const sidebar = kept<'open' | 'closed'>('sidebar', 'open', ['open', 'closed']);
// Where it would cover the events, it waits until it is asked for.
if (matchMedia('(max-width: 860px)').matches) sidebar.value = 'closed';

/** What is painted: follows the system unless told otherwise. */
export const systemDark = signal(matchMedia('(prefers-color-scheme: dark)').matches);
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', (e) => (systemDark.value = e.matches));

export function isDark(): boolean {
  return theme.value === 'system' ? systemDark.value : theme.value === 'dark';
}

effect(() => {
  document.documentElement.dataset['theme'] = isDark() ? 'dark' : 'light';
});

function kept<T extends string>(name: string, fallback: T, allowed: readonly T[]): Signal<T> {
  const key = `flumen.${name}`;
  let stored: string | null = null;
  try {
    stored = localStorage.getItem(key);
  } catch {
    // Storage may be forbidden; then the choice lasts as long as the page.
  }
  const value = signal<T>(allowed.find((a) => a === stored) ?? fallback);
  effect(() => {
    try {
      localStorage.setItem(key, value.value);
    } catch {
      // As above.
    }
  });
  return value;
}
