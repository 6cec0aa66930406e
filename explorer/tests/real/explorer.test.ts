/** The Explorer as query-api serves it, with events that went through Kafka and PostgreSQL. */
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, type Eyes, look, send, someEvents, stack, stored } from './stack';

const COUNT = 4_000;
const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const SHOTS = process.env['SCREENSHOTS_DIR'];

let eyes: Eyes;
beforeAll(async () => {
  const events = someEvents(COUNT, Date.now());
  const before = await stored();
  await send(events);
  await eventually(async () => (await stored()) >= before + events.length, 'all events are stored', 90_000);
  eyes = await look();
});
afterAll(() => eyes.close());

const rows = (page: Page) => page.locator('.rows [role=row]');
const total = async (page: Page): Promise<number> => Number((await page.locator('.timeline-total strong').innerText()).replace(/\D/g, ''));
const drawer = (page: Page) => page.getByRole('complementary', { name: 'Event' });
const ready = async (page: Page): Promise<void> => {
  await rows(page).first().waitFor();
  await page.locator('.plot canvas').waitFor();
  await page.locator('.legend-item').first().waitFor();
};

it('paints in less than a second', async () => {
  const paints: number[] = [];
  // The best of several: what is measured is the page, not what else this machine does.
  for (let n = 0; n < 5; n += 1) {
    const page = await eyes.open();
    await page.getByLabel('Key', { exact: true }).waitFor();
    const paint = await page.evaluate(() => new Promise<number>((resolve) => {
      new PerformanceObserver((list) => {
        resolve(list.getEntriesByName('first-contentful-paint')[0]?.startTime ?? Infinity);
      }).observe({ type: 'paint', buffered: true });
    }));
    paints.push(paint);
  }
  process.stdout.write(`first contentful paint: ${paints.map((ms) => ms.toFixed(0)).join(', ')} ms\n`);
  expect(Math.min(...paints)).toBeLessThan(1000);
});

it('is served packed, under a strict policy, and kept by the browser', async () => {
  const page = await fetch(`${stack.query}/`, { headers: { 'accept-encoding': 'br' } });
  expect(page.headers.get('content-security-policy')).not.toContain('unsafe');
  const script = /src="\.\/(assets\/[^"]+\.js)"/.exec(await page.text())?.[1] ?? '';
  const asset = await fetch(`${stack.query}/${script}`, { headers: { 'accept-encoding': 'br, gzip' } });
  expect(asset.headers.get('content-encoding')).toBe('br');
  expect(asset.headers.get('cache-control')).toContain('immutable');
});

it('signs in, shows what is there, and keeps the key out of the address', async () => {
  const page = await eyes.enter(stack.reader, '?range=24h');
  await ready(page);
  expect(await total(page)).toBeGreaterThanOrEqual(COUNT);
  expect(page.url()).not.toContain('fl_');
});

it('filters by a facet, and counts follow', async () => {
  const page = await eyes.enter(stack.reader, '?range=24h');
  await ready(page);
  const before = await total(page);
  await page.getByRole('button', { name: /^payments/ }).click();
  await page.locator('.pill', { hasText: 'payments' }).waitFor();
  await eventually(async () => (await total(page)) < before, 'the counts follow the filter');
  await eventually(async () => (await page.locator('.rows .cell-source').allInnerTexts()).every((text) => text === 'payments'), 'every row is of that source');
});

it('filters by what events hold', async () => {
  const page = await eyes.enter(stack.reader, '?range=24h');
  await ready(page);
  await page.keyboard.press('/');
  await page.keyboard.type('data.customer.email=eli.roth@example.com');
  await page.keyboard.press('Enter');
  await page.locator('.pill', { hasText: 'eli.roth' }).waitFor();
  await rows(page).first().waitFor();
  await rows(page).first().click();
  await drawer(page).locator('.tree').first().waitFor();
  expect(await drawer(page).innerText()).toContain('eli.roth@example.com');
});

it('zooms into what is dragged over, and comes back', async () => {
  const page = await eyes.enter(stack.reader, '?range=24h');
  await ready(page);
  const before = await total(page);
  const box = await page.locator('.plot-over').boundingBox();
  if (!box) throw new Error('no plot');
  await page.mouse.move(box.x + box.width * 0.5, box.y + 30);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.7, box.y + 32, { steps: 6 });
  await page.mouse.up();
  await eventually(async () => (await total(page)) < before, 'less is shown');
  await page.goBack();
  await eventually(async () => (await total(page)) === before, 'all is shown again');
});

it('opens an event, with its place in Kafka', async () => {
  const page = await eyes.enter(stack.reader, '?range=24h&source=shop');
  await ready(page);
  await rows(page).nth(2).click();
  await drawer(page).locator('.attributes').waitFor();
  expect(await drawer(page).innerText()).toMatch(/partition/i);
  await page.reload();
});

it('scrolls through all of them', async () => {
  const page = await eyes.enter(stack.reader, '?range=24h&source=billing');
  await ready(page);
  const first = await rows(page).first().innerText();
  await page.locator('.rows').first().click();
  await page.keyboard.press('Escape');
  await page.keyboard.press('End');
  await eventually(async () => (await rows(page).last().innerText()) !== first, 'other rows are shown');
});

it('tails live, pauses with a count, and goes on', async () => {
  const page = await eyes.enter(stack.reader, '?range=1h&live=1&source=live-*');
  await page.locator('.events-card').waitFor();
  let n = 0;
  const source = `live-${Date.now()}`;
  const more = () => send([JSON.stringify({ source, type: 'tick', id: `tick-${n++}`, data: { n } })]);
  // A tail begins when it is connected; what is sent until one is seen tells when that was.
  await eventually(async () => {
    await more();
    return (await page.locator('.rows [role=row]').filter({ hasText: 'tick' }).count()) > 0;
  }, 'the first live event is shown');
  await page.keyboard.press('Space');
  await more();
  await more();
  await eventually(async () => /\b[1-9]\d* (new|waiting|buffered)|\b[1-9]\d*\b.*(new|waiting|buffered)/i.test(await page.locator('main').innerText()), 'what came meanwhile is counted');
  await page.keyboard.press('Space');
  await eventually(async () => (await page.locator('.rows [role=row]').filter({ hasText: 'tick' }).count()) >= 3, 'it is shown');
});

it.each([['NDJSON', 'ndjson'], ['CSV', 'csv'], ['Parquet', 'parquet']])('downloads the view as %s', async (label, ending) => {
  const page = await eyes.enter(stack.reader, '?range=24h&source=identity');
  await ready(page);
  const expected = await total(page);
  await page.keyboard.press('e');
  const saved = page.waitForEvent('download');
  await page.getByRole('menuitem', { name: label }).click();
  const file = await saved;
  expect(file.suggestedFilename()).toMatch(new RegExp(`\\.${ending}$`));
  const text = readFileSync(await file.path(), 'latin1');
  if (ending === 'ndjson') {
    const lines = text.trim().split('\n');
    expect(lines.length).toBeGreaterThan(expected * 0.9);
    expect(lines.length).toBeLessThanOrEqual(expected);
  }
  if (ending === 'parquet') expect(text.startsWith('PAR1') && text.endsWith('PAR1')).toBe(true);
  await page.getByRole('status', { name: 'Download' }).getByText('Downloaded').waitFor();
});

it('case 39: shows hostile content as text, runs nothing, loads nothing', async () => {
  const page = await eyes.enter(stack.reader, '?range=24h&source=hostile');
  await rows(page).first().waitFor();
  const asked: string[] = [];
  page.on('request', (request) => asked.push(request.url()));
  const count = Math.min(await rows(page).count(), 6);
  for (let n = 0; n < count; n += 1) {
    await rows(page).nth(n).click();
    await drawer(page).locator('.attributes').waitFor();
    expect(await page.evaluate(() => '__pwned' in window || 'polluted' in Object.prototype)).toBe(false);
    expect(await page.locator('main a, main img, main iframe, main script, main object').count()).toBe(0);
  }
  expect(asked.filter((url) => !url.startsWith(stack.query))).toEqual([]);
});

it('says what is missing to a key without the right to read', async () => {
  const page = await eyes.enter(stack.producer);
  await page.getByRole('heading', { name: 'This key may not read' }).waitFor();
  expect(await rows(page).count()).toBe(0);
});

it('refuses a key that nobody has', async () => {
  const page = await eyes.enter('fl_nobody00_none');
  await page.getByRole('alert').filter({ hasText: 'send a valid key' }).waitFor();
});

it('shows operators how far the writers are', async () => {
  const page = await eyes.enter(stack.reader, '?panel=operations');
  await page.getByRole('heading', { name: 'Lag' }).waitFor();
  await page.locator('.grid tbody tr').first().waitFor();
});

interface AxeResult { violations: { id: string; impact: string | null; help: string; nodes: { html: string }[] }[] }

describe.each(['light', 'dark'] as const)('in %s', (colorScheme) => {
  it('axe finds nothing serious', async () => {
    const page = await eyes.enter(stack.reader, '?range=24h', { colorScheme });
    await ready(page);
    await rows(page).nth(1).click();
    await drawer(page).locator('.tree').first().waitFor();
    await page.waitForFunction(() => document.getAnimations().every((a) => a.effect?.getTiming().iterations === Infinity || a.playState === 'finished'));
    await page.evaluate(axeSource);
    const { violations } = await page.evaluate(() => (window as unknown as { axe: { run(): Promise<AxeResult> } }).axe.run());
    const found = violations.filter((v) => v.impact === 'serious' || v.impact === 'critical').map((v) => `${v.id}: ${v.help}: ${v.nodes[0]?.html ?? ''}`);
    expect(found).toEqual([]);
  });

  it.runIf(SHOTS !== undefined).each([1440, 1024, 390])('looks like this at %i', async (width) => {
    mkdirSync(SHOTS ?? '', { recursive: true });
    const options = { colorScheme, viewport: { width, height: width === 390 ? 844 : 900 } };
    const shoot = async (page: Page, name: string) => {
      await page.waitForTimeout(500);
      await page.screenshot({ path: join(SHOTS ?? '', `${name}-${width}-${colorScheme}.png`) });
    };
    const page = await eyes.enter(stack.reader, '?range=24h', options);
    await ready(page);
    await shoot(page, 'explore');
    await rows(page).nth(3).click();
    await drawer(page).locator('.tree').first().waitFor();
    await shoot(page, 'drawer');
    const operations = await eyes.enter(stack.reader, '?panel=operations', options);
    await operations.locator('.grid tbody tr').first().waitFor();
    await shoot(operations, 'operations');
  });
});

it('the reference of the API works under its policy, and problems have pages', async () => {
  for (const base of [stack.query, stack.ingest]) {
    const page = await eyes.open();
    await page.goto(`${base}/docs`);
    await page.locator('.opblock').first().waitFor();
    expect(await page.locator('.opblock').count()).toBeGreaterThan(1);
    if (SHOTS !== undefined) await page.screenshot({ path: join(SHOTS, `docs-${base === stack.query ? 'query' : 'ingest'}.png`) });
    await page.goto(`${base}/problems/too-deep`);
    await page.getByRole('heading', { name: 'What to do' }).waitFor();
    if (SHOTS !== undefined) await page.screenshot({ path: join(SHOTS, 'problem.png') });
  }
});
