/** Asks the server with the key, and turns every refusal into a `Failure`. */
import { parseJson } from '../lib/json';
import { failureOf, failureOfThrown } from './failure';
import { AS_OF_HEADER } from './wire';

export interface Answer<T> {
  body: T;
  /** How fresh the data is, in ms since the epoch, when the server says so. */
  asOf: number | null;
}

export class Client {
  readonly #key: string;
  readonly #base: URL;
  /** Hears the freshness of every answer. */
  onAsOf: (asOf: number) => void = () => undefined;

  constructor(key: string, base: string) {
    this.#key = key;
    this.#base = new URL('.', base);
  }

  /** Opens a path, which is relative to where the page is served, so that a proxy's prefix is kept. */
  async open(path: string, init: { accept: string; signal?: AbortSignal }): Promise<Response> {
    let response: Response;
    try {
      response = await fetch(this.url(path), {
        headers: { authorization: `Bearer ${this.#key}`, accept: init.accept },
        ...(init.signal ? { signal: init.signal } : {}),
        // The key is the only credential, and pages of events belong in no cache.
        credentials: 'omit',
        cache: 'no-store',
        redirect: 'error',
        referrerPolicy: 'no-referrer',
      });
    } catch (error) {
      if (init.signal?.aborted) throw error;
      throw failureOfThrown(error);
    }
    if (!response.ok) throw await failureOf(response);
    return response;
  }

  async get<T>(path: string, signal?: AbortSignal): Promise<Answer<T>> {
    const response = await this.open(path, { accept: 'application/json', ...(signal ? { signal } : {}) });
    let body: T;
    try {
      body = parseJson(await response.text()) as T;
    } catch (error) {
      if (signal?.aborted) throw error;
      throw failureOfThrown(error);
    }
    const asOf = Date.parse(response.headers.get(AS_OF_HEADER) ?? '');
    if (!Number.isFinite(asOf)) return { body, asOf: null };
    this.onAsOf(asOf);
    return { body, asOf };
  }

  url(path: string): string {
    return new URL(path.replace(/^\//, ''), this.#base).href;
  }
}
