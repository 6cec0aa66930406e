/** A pipeline that is up, what is sent through it, and a real Chromium in front of it. */
import { existsSync } from 'node:fs';
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { HOSTILE } from '../../mock/hostile';

const BROWSERS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome', '/usr/bin/google-chrome-stable'];
const FLAGS = ['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];

function need(name: string): string {
  const value = process.env[name];
  if (value === undefined || value === '') throw new Error(`${name} is not set; run: make test-explorer`);
  return value;
}

export const stack = {
  ingest: need('FLUMEN_INGEST_URL'),
  query: need('FLUMEN_QUERY_URL'),
  producer: need('FLUMEN_PRODUCER_KEY'),
  reader: need('FLUMEN_READER_KEY'),
};

const KINDS = ['order.placed', 'order.paid', 'order.shipped', 'user.login', 'invoice.issued', 'stock.adjusted'];
const SOURCES = ['shop', 'billing', 'warehouse', 'identity', 'payments'];
const PEOPLE = ['ana.berg', 'bo.lind', 'cleo.marsh', 'dev.nair', 'eli.roth', 'fen.zhou'];

/** Events of the last day, more in its working hours, and the hostile ones of the mock among the newest. */
export function someEvents(count: number, now: number): string[] {
  const events: string[] = [];
  for (let n = 0; n < count; n += 1) {
    // Squares are denser near now, and a wave makes it look like a day.
    const part = (n / count) ** 1.4;
    const wave = 1 + 0.35 * Math.sin(part * 19);
    const person = PEOPLE[(n * 7) % PEOPLE.length] ?? '';
    events.push(JSON.stringify({
      source: SOURCES[(n + Math.floor(n / 7)) % SOURCES.length],
      type: KINDS[(n * 5 + Math.floor(n / 9)) % KINDS.length],
      subject: `order-${1000 + (n % 400)}`,
      time: new Date(now - part * wave * 64_000_000 - 1_000).toISOString(),
      id: `real-${n}-${now}`,
      data: { customer: { name: person, email: `${person}@example.com` }, total: Math.round((n * 37) % 20_000) / 100, items: n % 5, express: n % 3 === 0 },
    }));
  }
  HOSTILE.forEach((hostile, n) => {
    const attributes = { source: 'hostile', type: 'text.hostile', subject: printable(hostile.subject), time: new Date(now - 3_000 - n).toISOString(), id: `hostile-${n}-${now}` };
    // Its data is JSON as it must arrive, to the digit.
    events.push(`${JSON.stringify(attributes).slice(0, -1)},"data":${hostile.data}}`);
  });
  return events;
}

/** The edge refuses control characters in attributes. */
function printable(text: string): string {
  return text.replace(/[\u0000-\u001f]/g, '');
}

export async function send(events: readonly string[]): Promise<void> {
  for (let from = 0; from < events.length; from += 1000) {
    const answer = await fetch(`${stack.ingest}/v1/events`, {
      method: 'POST',
      headers: { authorization: `Bearer ${stack.producer}`, 'content-type': 'application/json' },
      body: `[${events.slice(from, from + 1000).join(',')}]`,
    });
    if (answer.status !== 202) throw new Error(`${answer.status}: ${(await answer.text()).slice(0, 600)}`);
  }
}

/** How many events are stored, of a source or of all. */
export async function stored(source?: string): Promise<number> {
  const filter = source === undefined ? '' : `&source=${source}`;
  const answer = await fetch(`${stack.query}/v1/sources?limit=1000${filter}`, { headers: { authorization: `Bearer ${stack.reader}` } });
  const body = (await answer.json()) as { values: { count: number }[] };
  return body.values.reduce((sum, { count }) => sum + count, 0);
}

export interface Eyes {
  open(path?: string, options?: BrowserContextOptions): Promise<Page>;
  enter(key: string, path?: string, options?: BrowserContextOptions): Promise<Page>;
  close(): Promise<void>;
}

export async function look(): Promise<Eyes> {
  const found = [process.env['CHROMIUM'], ...BROWSERS].find((path) => path !== undefined && existsSync(path));
  if (found === undefined) throw new Error('no Chromium: install one (Debian: apt-get install chromium) or set CHROMIUM to its path');
  const browser: Browser = await chromium.launch({ executablePath: found, args: FLAGS });
  const contexts: BrowserContext[] = [];
  const complaints: string[] = [];
  async function open(path = '', options: BrowserContextOptions = {}): Promise<Page> {
    await Promise.all(contexts.splice(0).map((context) => context.close()));
    const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: 'en-GB', timezoneId: 'UTC', acceptDownloads: true, ...options });
    contexts.push(context);
    const page = await context.newPage();
    page.setDefaultTimeout(20_000);
    page.on('pageerror', (error) => complaints.push(`error: ${error.message}`));
    page.on('console', (message) => {
      // A refused request is the server's answer; all else, such as a broken content policy, is a fault of the page.
      if (message.type() === 'error' && !/status of [45]\d\d/.test(message.text())) complaints.push(`console: ${message.text()}`);
    });
    await page.goto(`${stack.query}/${path}`);
    return page;
  }
  return {
    open,
    async enter(key, path, options) {
      const page = await open(path, options);
      await page.getByLabel('Key', { exact: true }).fill(key);
      await page.getByRole('button', { name: 'Sign in' }).click();
      return page;
    },
    async close() {
      await Promise.all(contexts.map((context) => context.close()));
      await browser.close();
      if (complaints.length > 0) throw new Error(`the browser complained:\n${complaints.join('\n')}`);
    },
  };
}

export async function eventually(claim: () => Promise<boolean>, what: string, timeoutMs = 40_000): Promise<void> {
  const end = Date.now() + timeoutMs;
  while (!(await claim())) {
    if (Date.now() > end) throw new Error(`did not come true in ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
