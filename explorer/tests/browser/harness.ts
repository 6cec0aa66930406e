/** The built page, the mock behind it, and a real Chromium in front of it. */
import { existsSync } from 'node:fs';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import type { KEYS } from '../../mock/keys';
import type { MockOptions } from '../../mock/options';
import { servePage } from '../../mock/page';
import { createMock, type Mock } from '../../mock/server';

const DIST = join(import.meta.dirname, '../../dist');
const BROWSERS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome', '/usr/bin/google-chrome-stable'];
const FLAGS = ['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];

export type Key = keyof typeof KEYS;

export interface Harness {
  mock: Mock;
  url: string;
  /** A page of its own context, not signed in; closes those that were open. What the browser complains about is collected and checked by `close`. */
  open(path?: string, options?: BrowserContextOptions): Promise<Page>;
  /** A page that is signed in. */
  enter(key: Key, path?: string, options?: BrowserContextOptions): Promise<Page>;
  close(): Promise<void>;
}

function findBrowser(): string {
  const found = [process.env['CHROMIUM'], ...BROWSERS].find((path) => path !== undefined && existsSync(path));
  if (found === undefined) throw new Error('no Chromium: install one (Debian: apt-get install chromium) or set CHROMIUM to its path');
  return found;
}

export async function start(options: Partial<MockOptions> = {}): Promise<Harness> {
  if (!existsSync(join(DIST, 'index.html'))) throw new Error('the page is not built: npm run build');
  const mock = createMock(options);
  const server = await listen(servePage(DIST, mock));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const browser: Browser = await chromium.launch({ executablePath: findBrowser(), args: FLAGS });
  const contexts: BrowserContext[] = [];
  const complaints: string[] = [];

  async function open(path = '', contextOptions: BrowserContextOptions = {}): Promise<Page> {
    // Pages of earlier tests go on following and asking, which slows the ones that count.
    await Promise.all(contexts.splice(0).map((context) => context.close()));
    const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: 'en-GB', timezoneId: 'UTC', acceptDownloads: true, ...contextOptions });
    await context.grantPermissions(['clipboard-read', 'clipboard-write']);
    contexts.push(context);
    const page = await context.newPage();
    page.setDefaultTimeout(5_000);
    page.on('pageerror', (error) => complaints.push(`error: ${error.message}`));
    page.on('console', (message) => {
      // A refused request is the server's answer, and the page shows it; all else is a fault of the page.
      if (message.type() === 'error' && !/status of [45]\d\d|ERR_(INCOMPLETE|CONNECTION)/.test(message.text())) complaints.push(`console: ${message.text()}`);
    });
    await page.goto(url + path);
    return page;
  }

  return {
    mock,
    url,
    open,
    async enter(key, path, contextOptions) {
      const page = await open(path, contextOptions);
      await signIn(page, key);
      return page;
    },
    async close() {
      await Promise.all(contexts.map((context) => context.close()));
      await browser.close();
      await new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections();
      });
      if (complaints.length > 0) throw new Error(`the browser complained:\n${complaints.join('\n')}`);
    },
  };
}

export async function signIn(page: Page, key: string): Promise<void> {
  await page.getByLabel('Key', { exact: true }).fill(key);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

function listen(server: Server): Promise<Server> {
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
}

/** Asks until it holds; a claim about a page is never a matter of a fixed wait. */
export async function eventually(claim: () => Promise<boolean>, what: string, timeoutMs = 10_000): Promise<void> {
  const end = Date.now() + timeoutMs;
  while (!(await claim())) {
    if (Date.now() > end) throw new Error(`did not come true in ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
