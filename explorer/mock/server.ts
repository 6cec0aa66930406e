/** The API of query-api over synthetic events, for development and for the browser tests. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type MockKey, keyOf } from './keys';
import { DEFAULTS, type MockOptions } from './options';
import { deadLetters, lag } from './operator';
import { event, events, facet, refuseUnknown, stats } from './read';
import { BadRequest } from './select';
import { Store } from './store';
import { exportRows, tail } from './stream';

/** A failure that is to happen to the next requests for a path. */
export interface Fault {
  path: string;
  times: number;
  status: number;
  title?: string;
  detail?: string;
  retryAfter?: number;
  /** Cuts an export off after so many rows, after a good start. */
  breakAfter?: number;
}

export interface Mock {
  store: Store;
  faults: Fault[];
  options: MockOptions;
  /** Every path with its query that was asked for, in order. */
  requests: string[];
  /** Ends every open tail, as a restart of the server would. */
  dropTails(): void;
  middleware: (request: IncomingMessage, response: ServerResponse, next: () => void) => void;
}

export function createMock(options: Partial<MockOptions> = {}): Mock {
  const settings: MockOptions = { ...DEFAULTS, now: Date.now(), ...options };
  const store = new Store(settings);
  const tails = new Set<ServerResponse>();
  const mock: Mock = {
    store,
    faults: [],
    options: settings,
    requests: [],
    dropTails: () => tails.forEach((response) => response.destroy()),
    middleware: (request, response, next) => {
      const url = new URL(request.url ?? '/', 'http://mock');
      if (!url.pathname.startsWith('/v1/')) {
        next();
        return;
      }
      mock.requests.push(url.pathname + url.search);
      setTimeout(() => {
        answer(url, request, response).catch((error: unknown) => {
          if (error instanceof BadRequest) problem(response, 400, error.name_, 'The request was refused', error.message);
          else problem(response, 500, 'internal', 'Something went wrong in the mock', String(error));
        });
      }, settings.latencyMs);
    },
  };

  async function answer(url: URL, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const fault = takeFault(mock.faults, url.pathname);
    if (fault && fault.breakAfter === undefined) {
      problem(response, fault.status, 'injected', fault.title ?? 'Injected failure', fault.detail ?? 'A test asked for this.', fault.retryAfter);
      return;
    }
    const key = keyOf(request.headers.authorization);
    if (!key) {
      response.setHeader('www-authenticate', 'Bearer');
      problem(response, 401, 'unauthorized', 'The key was not accepted', 'It is unknown, expired or revoked.');
      return;
    }
    store.advance(Date.now());
    const path = url.pathname.slice('/v1'.length);
    if (path === '/whoami') {
      json(response, JSON.stringify({ name: key.name, scopes: key.scopes, sources: key.sources }));
      return;
    }
    if (refused(path, key, response)) return;
    const params = url.searchParams;
    refuseUnknown(params);
    response.setHeader('x-flumen-as-of', new Date(Date.now() - 850).toISOString());
    if (path === '/events') json(response, events(store, params, key));
    else if (path === '/stats') json(response, stats(store, params, key));
    else if (path === '/sources') json(response, facet(store, params, key, 'source'));
    else if (path === '/types') json(response, facet(store, params, key, 'type'));
    else if (path === '/operator/dead-letters') json(response, deadLetters(params, settings.now));
    else if (path === '/operator/lag') json(response, lag(store.length, Date.now()));
    else if (path === '/export') await exportRows(store, params, key, response, { bytesPerSecond: settings.exportBytesPerSecond, breakAfter: fault?.breakAfter ?? null });
    else if (path === '/tail') {
      tails.add(response);
      request.on('close', () => tails.delete(response));
      tail(store, params, key, request, response);
    } else {
      const found = path.startsWith('/events/') ? event(store, path.slice('/events/'.length), key) : null;
      if (found === null) problem(response, 404, 'not-found', 'Not found', 'There is no such event, or this key may not read it.');
      else json(response, found);
    }
  }
  return mock;
}

function refused(path: string, key: MockKey, response: ServerResponse): boolean {
  if (key.always) {
    problem(response, key.always.status, key.always.type, key.always.title, key.always.detail, key.always.retryAfter);
    return true;
  }
  const scope = path.startsWith('/operator/') ? 'operator' : 'read';
  if (key.scopes.includes(scope)) return false;
  problem(response, 403, 'forbidden', 'This key may not read', `It needs the scope \`${scope}\`; it has \`${key.scopes.join('`, `')}\`.`);
  return true;
}

function takeFault(faults: Fault[], path: string): Fault | null {
  const fault = faults.find((f) => f.times > 0 && path === f.path);
  if (!fault) return null;
  fault.times -= 1;
  return fault;
}

function json(response: ServerResponse, body: string): void {
  response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-store' });
  response.end(body);
}

function problem(response: ServerResponse, status: number, name: string, title: string, detail: string, retryAfter?: number): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  response.writeHead(status, {
    'content-type': 'application/problem+json',
    'x-request-id': 'mock-0001',
    ...(retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) }),
  });
  response.end(JSON.stringify({ type: name.startsWith('/') ? name : `/problems/${name}`, title, status, detail, request_id: 'mock-0001' }));
}
