import { signal } from '@preact/signals';

/** As wide as a phone. The styles have the same number. */
const query = matchMedia('(max-width: 640px)');
const compact = signal(query.matches);
query.addEventListener('change', (event) => (compact.value = event.matches));

export function useCompact(): boolean {
  return compact.value;
}
