/** Serves the built page as query-api does: with its headers, under the same policy. */
import { createServer, type Server } from 'node:http';
import { readFileSync } from 'node:fs';
import { join, normalize } from 'node:path';
import type { Mock } from './server';

export const CONTENT_SECURITY_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; font-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'none'";

const TYPES: Record<string, string> = { html: 'text/html; charset=utf-8', js: 'text/javascript; charset=utf-8', css: 'text/css; charset=utf-8', svg: 'image/svg+xml' };

export function servePage(dist: string, mock: Mock): Server {
  return createServer((request, response) => {
    mock.middleware(request, response, () => {
      const path = normalize(new URL(request.url ?? '/', 'http://page').pathname);
      const file = path === '/' ? '/index.html' : path;
      try {
        const body = readFileSync(join(dist, file));
        response.writeHead(200, {
          'content-type': TYPES[file.split('.').at(-1) ?? ''] ?? 'application/octet-stream',
          'content-security-policy': CONTENT_SECURITY_POLICY,
          'x-content-type-options': 'nosniff',
          'referrer-policy': 'no-referrer',
        });
        response.end(body);
      } catch {
        response.writeHead(404).end();
      }
    });
  });
}
