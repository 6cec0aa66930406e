/**
 * Follows `/v1/tail`. EventSource can neither send the key nor see a refusal, so the stream is read
 * through fetch; a lost connection is resumed after the last id, and what the server says it skipped is passed on.
 */
import { parseJson } from '../lib/json';
import type { Client } from './client';
import { Failure, failureOfThrown } from './failure';
import { SseParser, type SseMessage } from './sse';
import type { WireEvent } from './wire';

export interface TailHandlers {
  opened(): void;
  events(events: WireEvent[], lastId: string | null): void;
  /** Events were skipped; `reason` is the server's. */
  gap(reason: string, lastId: string | null): void;
  /** The connection is gone and will be tried again at `retryAt`. */
  waiting(failure: Failure, retryAt: number): void;
  /** It makes no sense to try again. */
  failed(failure: Failure): void;
}

/** Refusals that the same request will meet again. */
const FINAL = new Set([400, 401, 403, 404, 405, 406]);
const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 30_000;
/** The server sends heartbeats; this long without a byte means that the connection is dead. */
const SILENCE_MS = 60_000;

export async function followTail(client: Client, path: (after: string | null) => string, after: string | null, handlers: TailHandlers, signal: AbortSignal): Promise<void> {
  let lastId = after;
  let attempts = 0;
  const gone = (): boolean => signal.aborted;
  while (!gone()) {
    const parser = new SseParser();
    let failure: Failure;
    try {
      await readOnce(client, path(lastId), parser, signal, {
        opened: () => {
          handlers.opened();
        },
        messages: (messages) => {
          attempts = 0;
          lastId = messages.at(-1)?.id ?? lastId;
          deliver(messages, handlers, lastId);
        },
      });
      failure = new Failure({ status: 0, title: 'The live connection was closed', detail: 'It resumes where it stopped.' });
    } catch (error) {
      if (gone()) return;
      failure = failureOfThrown(error);
      if (FINAL.has(failure.status)) {
        handlers.failed(failure);
        return;
      }
    }
    const retryAt = failure.retryAt ?? Date.now() + (parser.retry ?? backoff(attempts));
    attempts += 1;
    handlers.waiting(failure, retryAt);
    await sleep(retryAt - Date.now(), signal);
  }
}

async function readOnce(
  client: Client,
  path: string,
  parser: SseParser,
  signal: AbortSignal,
  on: { opened(): void; messages(messages: SseMessage[]): void },
): Promise<void> {
  const silence = new AbortController();
  const either = AbortSignal.any([signal, silence.signal]);
  const response = await client.open(path, { accept: 'text/event-stream', signal: either });
  on.opened();
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  if (!reader) return;
  for (;;) {
    const timer = setTimeout(() => silence.abort(), SILENCE_MS);
    try {
      const { done, value } = await reader.read();
      if (done) return;
      const messages = parser.push(value);
      if (messages.length > 0) on.messages(messages);
    } finally {
      clearTimeout(timer);
    }
  }
}

/** Hands runs of events over together, so that a burst costs one update of the page. */
function deliver(messages: readonly SseMessage[], handlers: TailHandlers, lastId: string | null): void {
  let run: WireEvent[] = [];
  const flush = () => {
    if (run.length > 0) handlers.events(run, lastId);
    run = [];
  };
  for (const { event, data } of messages) {
    if (event === 'event' || event === 'message') {
      run.push(parseJson(data) as unknown as WireEvent);
    } else if (event === 'gap' || event === 'end') {
      flush();
      if (event === 'gap') handlers.gap(reasonOf(data), lastId);
    }
  }
  flush();
}

function reasonOf(data: string): string {
  try {
    const body = parseJson(data) as { detail?: unknown; reason?: unknown } | null;
    const reason = body?.detail ?? body?.reason;
    return typeof reason === 'string' ? reason : '';
  } catch {
    return data;
  }
}

function backoff(attempts: number): number {
  const full = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** attempts);
  // Half of it random: a thousand pages that lost one server must not come back together.
  return full / 2 + Math.random() * (full / 2);
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, Math.max(0, ms));
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    }
    signal.addEventListener('abort', done);
  });
}
