/** The time, once a second, for what is written as "12 s ago" and for countdowns. */
import { signal } from '@preact/signals';

export const now = signal(Date.now());

setInterval(() => {
  // A page in the background has no one to tell the time to.
  if (!document.hidden) now.value = Date.now();
}, 1000);
