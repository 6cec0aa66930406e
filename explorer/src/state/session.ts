/** Who is signed in. The key lives in memory, and in session storage when asked to; never in an address. */
import { computed, signal } from '@preact/signals';
import { Client } from '../api/client';
import { Failure, failureOfThrown } from '../api/failure';
import { routes } from '../api/routes';
import type { WhoAmI } from '../api/wire';

const STORED = 'flumen.key';

export const who = signal<WhoAmI | null>(null);
export const client = signal<Client | null>(null);
export const signingIn = signal(false);
/** The key of an earlier page of this tab is being tried. */
export const restoring = signal(false);
/** Why one has to sign in (again). */
export const signInFailure = signal<Failure | null>(null);
/** Freshness of the data, in ms since the epoch, as the last answer said. */
export const asOf = signal<number | null>(null);

export const canRead = computed(() => who.value?.scopes.includes('read') ?? false);
export const isOperator = computed(() => who.value?.scopes.includes('operator') ?? false);

export async function signIn(key: string, remember: boolean): Promise<void> {
  const token = key.trim();
  // A header takes only these; anything else is a slip, such as a key pasted with its name.
  if (!/^[\x21-\x7e]+$/.test(token)) {
    signInFailure.value = new Failure({ status: 400, title: 'That does not look like a key', detail: 'A key is one word that begins with fl_.' });
    return;
  }
  signingIn.value = true;
  signInFailure.value = null;
  const candidate = new Client(token, location.href);
  candidate.onAsOf = (at) => (asOf.value = at);
  try {
    const { body } = await candidate.get<WhoAmI>(routes.whoami());
    client.value = candidate;
    who.value = body;
    store(remember ? token : null);
  } catch (error) {
    const failure = failureOfThrown(error);
    signInFailure.value = failure;
    // A key that is refused is forgotten; one that could not be asked about may be good.
    if (failure.status === 401) store(null);
  } finally {
    signingIn.value = false;
  }
}

export function signOut(reason: Failure | null = null): void {
  store(null);
  client.value = null;
  who.value = null;
  asOf.value = null;
  signInFailure.value = reason;
}

/** Signs in with the key that this tab was told to remember. */
export async function restore(): Promise<void> {
  const key = stored();
  if (key === null) return;
  restoring.value = true;
  await signIn(key, true);
  restoring.value = false;
}

/** Every request that fails passes here: a key that stopped working leads back to the door. */
export function noteFailure(error: unknown): Failure {
  const failure = failureOfThrown(error);
  if (failure.status === 401 && client.value !== null) {
    signOut(new Failure({ status: 401, title: 'This key is no longer accepted', detail: 'It expired or was revoked. Sign in with another; the view is kept.' }));
  }
  return failure;
}

function store(key: string | null): void {
  try {
    if (key === null) sessionStorage.removeItem(STORED);
    else sessionStorage.setItem(STORED, key);
  } catch {
    // Storage may be forbidden; then the key lasts as long as the page.
  }
}

function stored(): string | null {
  try {
    return sessionStorage.getItem(STORED);
  } catch {
    return null;
  }
}
