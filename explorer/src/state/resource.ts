/** Something read from the server: at most one request at a time, the newest wins, old data stays until new comes. */
import { type Signal, signal } from '@preact/signals';
import type { Failure } from '../api/failure';
import { noteFailure } from './session';

export interface Loaded<T> {
  data: T | null;
  loading: boolean;
  failure: Failure | null;
}

export class Resource<T> {
  readonly state: Signal<Loaded<T>> = signal({ data: null, loading: false, failure: null });
  #running: AbortController | null = null;

  async load(read: (signal: AbortSignal) => Promise<T>): Promise<void> {
    this.#running?.abort();
    const running = (this.#running = new AbortController());
    this.state.value = { ...this.state.peek(), loading: true, failure: null };
    try {
      const data = await read(running.signal);
      if (!running.signal.aborted) this.state.value = { data, loading: false, failure: null };
    } catch (error) {
      if (running.signal.aborted) return;
      this.state.value = { ...this.state.peek(), loading: false, failure: noteFailure(error) };
    }
  }

  clear(): void {
    this.#running?.abort();
    this.#running = null;
    this.state.value = { data: null, loading: false, failure: null };
  }
}
