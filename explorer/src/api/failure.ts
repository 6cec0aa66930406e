import type { Problem } from './wire';

/** Why a request gave no answer, in the words that are shown. */
export class Failure extends Error {
  /** HTTP status; 0 when no answer came at all. */
  readonly status: number;
  readonly title: string;
  readonly detail: string | null;
  readonly requestId: string | null;
  /** When asking again may help, as the server said it, in ms since the epoch. */
  readonly retryAt: number | null;

  constructor(problem: { status: number; title: string; detail?: string | null; requestId?: string | null; retryAt?: number | null }) {
    super(problem.title);
    this.name = 'Failure';
    this.status = problem.status;
    this.title = problem.title;
    this.detail = problem.detail ?? null;
    this.requestId = problem.requestId ?? null;
    this.retryAt = problem.retryAt ?? null;
  }
}

/** Titles for answers that carry no problem, such as a proxy's. */
const TITLES: Record<number, string> = {
  400: 'The request was refused',
  401: 'The key was not accepted',
  403: 'This key may not do that',
  404: 'Not found',
  429: 'Too many requests',
  502: 'The server cannot be reached through the proxy',
  503: 'The server cannot answer right now',
  504: 'The query took too long',
};

/** Longest wait that a countdown shows; more than this is a proxy's mistake or an attack. */
const MAX_RETRY_MS = 3_600_000;

/** `Retry-After`: seconds or a date. */
export function parseRetryAfter(header: string | null, now: number): number | null {
  if (header === null) return null;
  const wait = /^\d+$/.test(header.trim()) ? Number(header) * 1000 : Date.parse(header) - now;
  return Number.isFinite(wait) ? now + Math.min(Math.max(wait, 0), MAX_RETRY_MS) : null;
}

/** Reads a refusal, whatever its body turns out to be. */
export async function failureOf(response: Response, now = Date.now()): Promise<Failure> {
  let problem: Partial<Problem> = {};
  if (/json/.test(response.headers.get('content-type') ?? '')) {
    try {
      const body: unknown = await response.json();
      if (typeof body === 'object' && body !== null) problem = body;
    } catch {
      // A body that is not what it claims to be changes nothing: the status says enough.
    }
  }
  return new Failure({
    status: response.status,
    title: text(problem.title) ?? TITLES[response.status] ?? `The server answered ${response.status}`,
    detail: text(problem.detail),
    requestId: text(problem.request_id) ?? response.headers.get('x-request-id'),
    retryAt: parseRetryAfter(response.headers.get('retry-after'), now),
  });
}

/** Puts what `fetch` throws into words. Aborts pass through: they are nobody's failure. */
export function failureOfThrown(error: unknown): Failure {
  if (error instanceof Failure) return error;
  return new Failure({ status: 0, title: 'No answer from the server', detail: 'Check that query-api is running and that this page can reach it.' });
}

function text(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}
