/** Dead letters and lag, for keys with the operator scope. */
import { signal } from '@preact/signals';
import type { Client } from '../api/client';
import type { Failure } from '../api/failure';
import { routes } from '../api/routes';
import type { DeadLetter, DeadLettersPage, Lag } from '../api/wire';
import { Resource } from './resource';
import { noteFailure } from './session';

export const lag = new Resource<Lag>();
export const letters = signal<{ rows: DeadLetter[]; next: string | null; loading: boolean; failure: Failure | null; asked: boolean }>({ rows: [], next: null, loading: false, failure: null, asked: false });

export function loadLag(client: Client): void {
  void lag.load(async (signal) => (await client.get<Lag>(routes.lag(), signal)).body);
}

/** Reads the first page, or the one that follows. */
export async function loadLetters(client: Client, more: boolean): Promise<void> {
  const before = letters.peek();
  if (before.loading) return;
  letters.value = { ...before, loading: true, failure: null, asked: true };
  try {
    const { body } = await client.get<DeadLettersPage>(routes.deadLetters(more ? before.next : null));
    letters.value = { rows: more ? [...before.rows, ...body.dead_letters] : body.dead_letters, next: body.next, loading: false, failure: null, asked: true };
  } catch (error) {
    letters.value = { ...before, loading: false, failure: noteFailure(error), asked: true };
  }
}
