/** Looking into the past: sign in, filter, zoom, scroll, open an event. */
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, type Harness, start } from './harness';

let harness: Harness;
beforeAll(async () => void (harness = await start({ ratePerSecond: 0 })));
afterAll(() => harness.close());

const rows = (page: Page) => page.locator('.rows [role=row]');
const total = async (page: Page): Promise<number> => Number((await page.locator('.timeline-total strong').innerText()).replace(/\D/g, ''));

describe('signing in', () => {
  it('refuses a key that is not known, in the words of the server', async () => {
    const page = await harness.enter('fl_nobody00_demo' as 'fl_reader00_demo');
    await page.getByRole('alert').filter({ hasText: 'The key was not accepted' }).waitFor();
    expect(await page.getByRole('alert').innerText()).toContain('unknown, expired or revoked');
  });

  it('keeps the key for the tab, out of the address and of other tabs', async () => {
    const page = await harness.enter('fl_reader00_demo');
    await rows(page).first().waitFor();
    await page.reload();
    await rows(page).first().waitFor();
    expect(page.url()).not.toContain('fl_');
    expect(await page.evaluate(() => JSON.stringify(localStorage))).not.toContain('fl_');
    expect(harness.mock.requests.join('\n')).not.toContain('fl_reader');
    const other = await page.context().newPage();
    await other.goto(harness.url);
    await other.getByRole('heading', { name: 'Look into your events' }).waitFor();
  });

  it('forgets the key on signing out', async () => {
    const page = await harness.enter('fl_reader00_demo');
    await page.getByRole('button', { name: 'Key and settings' }).click();
    await page.getByRole('menuitem', { name: 'Sign out' }).click();
    await page.getByLabel('Key', { exact: true }).waitFor();
    expect(await page.evaluate(() => sessionStorage.length)).toBe(0);
  });

  it('says what is missing to a key without the right to read', async () => {
    const page = await harness.enter('fl_producer_demo');
    await page.getByRole('heading', { name: 'This key may not read' }).waitFor();
    expect(await page.locator('.door').innerText()).toContain('ingest');
    expect(await rows(page).count()).toBe(0);
  });

  it('leads back to the door when the key is revoked, and keeps the view', async () => {
    const page = await harness.enter('fl_reader00_demo', '?range=1h&source=billing');
    await page.locator('.events-card').waitFor();
    harness.mock.faults.push({ path: '/v1/events', times: 1, status: 401 });
    await page.getByRole('button', { name: 'Refresh' }).click();
    await page.getByRole('alert').filter({ hasText: 'no longer accepted' }).waitFor();
    expect(page.url()).toContain('source=billing');
  });
});

describe('filters', () => {
  it('come from the facets, show as pills, and live in the address', async () => {
    const page = await harness.enter('fl_reader00_demo', '?range=7d');
    await rows(page).first().waitFor();
    const before = await total(page);
    await page.getByRole('button', { name: /^payments/ }).click();
    await page.locator('.pill', { hasText: 'payments' }).waitFor();
    await eventually(async () => (await total(page)) < before, 'the counts follow the filter');
    await eventually(async () => (await page.locator('.rows .cell-source').allInnerTexts()).every((s) => s === 'payments'), 'every row is of that source');
    expect(page.url()).toContain('source=payments');
    await page.goBack();
    await page.locator('.pill').waitFor({ state: 'detached' });
    await eventually(async () => (await total(page)) === before, 'back to all');
  });

  it('are typed, with suggestions, and removed with the keyboard', async () => {
    const page = await harness.enter('fl_reader00_demo', '?range=7d');
    await rows(page).first().waitFor();
    await page.keyboard.press('/');
    await page.keyboard.type('invoice.is');
    await page.getByRole('option', { name: /invoice\.issued/ }).waitFor();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await page.locator('.pill', { hasText: 'invoice.issued' }).waitFor();
    await page.keyboard.type('data.customer.email=ana.berg@example.com');
    await page.keyboard.press('Enter');
    expect(await page.locator('.pill').count()).toBe(2);
    await page.getByText('Without subject and data filters').waitFor();
    await page.keyboard.press('Backspace');
    expect(await page.locator('.pill').count()).toBe(1);
  });

  it('that find nothing within the budget say how far was looked, and go on when asked', async () => {
    const page = await harness.enter('fl_reader00_demo', '?range=30d&subject=no-such-thing');
    await eventually(async () => /Searched back to|Nothing yet|No events here/i.test(await page.locator('.events-card').innerText()), 'progress is shown');
    await page.locator('.empty').waitFor({ timeout: 20_000 });
    expect(await page.locator('.empty').innerText()).toMatch(/No events here|Nothing yet/);
  });

  it('offers the way out where there is nothing', async () => {
    const page = await harness.enter('fl_nothing0_demo');
    await page.getByText('No events here').waitFor();
    expect(await page.locator('.empty').innerText()).toContain('not-yet-*');
    await page.getByRole('button', { name: 'Last 30 days' }).click();
    await eventually(() => Promise.resolve(page.url().includes('range=30d')), 'the range is wider');
  });
});

describe('the timeline', () => {
  it('zooms into what is dragged over, and comes back', async () => {
    const page = await harness.enter('fl_reader00_demo', '?range=7d');
    await rows(page).first().waitFor();
    const before = await total(page);
    const box = await page.locator('.plot-over').boundingBox();
    if (!box) throw new Error('the timeline has no place');
    await page.mouse.move(box.x + box.width * 0.4, box.y + 40);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.5, box.y + 50, { steps: 5 });
    await page.locator('.plot-band').waitFor();
    await page.mouse.up();
    await eventually(() => Promise.resolve(/from=.*&to=/.test(page.url())), 'the address has the range');
    const url = new URL(page.url());
    const span = Date.parse(url.searchParams.get('to') ?? '') - Date.parse(url.searchParams.get('from') ?? '');
    expect(span / 3_600_000).toBeGreaterThan(12);
    expect(span / 3_600_000).toBeLessThan(22);
    await eventually(async () => (await total(page)) < before, 'fewer events');
    await page.getByRole('button', { name: 'Reset zoom' }).click();
    await eventually(async () => (await total(page)) === before, 'all of them again');
    expect(page.url()).toContain('range=7d');
  });

  it('shows what a bar is made of', async () => {
    const page = await harness.enter('fl_reader00_demo', '?range=7d');
    await rows(page).first().waitFor();
    await page.locator('.plot canvas').waitFor();
    await page.locator('.plot-over').hover({ position: { x: 600, y: 60 } });
    const tip = page.locator('.tooltip');
    await tip.waitFor();
    const numbers = (await tip.locator('.tooltip-count').allInnerTexts()).map((t) => Number(t.replace(/\D/g, '')));
    const sum = Number((await tip.locator('strong').innerText()).replace(/\D/g, ''));
    expect(numbers.reduce((a, b) => a + b, 0)).toBe(sum);
    const [bar, pointer] = [await page.locator('.plot-bar').boundingBox(), await page.locator('.plot-over').boundingBox()];
    expect(Math.abs((bar?.x ?? 0) - (pointer?.x ?? 0) - 600)).toBeLessThan(12);
  });

  it('is split by source as well, and hides a series', async () => {
    const page = await harness.enter('fl_reader00_demo', '?range=7d');
    await page.getByRole('group', { name: 'Split by' }).getByRole('button', { name: 'Source' }).click();
    await page.locator('.legend-item', { hasText: 'shop-web' }).click();
    expect(await page.locator('.legend-item', { hasText: 'shop-web' }).getAttribute('aria-pressed')).toBe('false');
    expect(page.url()).toContain('by=source');
  });
});

describe('the table', () => {
  it('reads on as one scrolls, with few rows in the page', async () => {
    const page = await harness.enter('fl_reader00_demo', '?range=30d');
    await rows(page).first().waitFor();
    const scroll = page.locator('.table-scroll');
    for (let i = 0; i < 12; i += 1) {
      await scroll.evaluate((e) => e.scrollTo({ top: e.scrollHeight }));
      await page.waitForFunction((n) => Number(/([\d,]+) loaded/.exec(document.querySelector('.tablebar-title')?.textContent ?? '')?.[1]?.replace(/,/g, '')) > n, (i + 1) * 100);
    }
    expect(await rows(page).count()).toBeLessThan(80);
    const uids = new Set(harness.mock.requests.filter((r) => r.startsWith('/v1/events?') && r.includes('cursor=')).map((r) => new URL(r, 'http://x').searchParams.get('cursor')));
    expect(uids.size).toBeGreaterThanOrEqual(12);
    await scroll.evaluate((e) => e.scrollTo({ top: 0 }));
    await page.locator('#row-0').waitFor();
  });

  it('shows each event once and in order, over many pages', async () => {
    const page = await harness.enter('fl_reader00_demo', '?range=30d&order=asc');
    await rows(page).first().waitFor();
    const seen: string[] = [];
    for (let top = 0; top < 12_000; top += 480) {
      await page.locator('.table-scroll').evaluate((e, to) => e.scrollTo({ top: to }), top);
      await page.waitForFunction((index) => document.getElementById(`row-${index}`), Math.floor(top / 32) + 14);
      for (const row of await page.locator('.rows .row:not(.row-empty)').evaluateAll((all) => all.map((e) => `${e.id.slice(4).padStart(6, '0')} ${e.querySelector('time')?.getAttribute('datetime') ?? ''}`))) if (!seen.includes(row)) seen.push(row);
    }
    const indices = seen.map((s) => s.slice(0, 6));
    expect(new Set(indices).size).toBe(indices.length);
    const times = seen.toSorted().map((s) => s.slice(7));
    expect(times).toEqual(times.toSorted());
    expect(times.length).toBeGreaterThan(380);
  });

  it('makes a column of a value', async () => {
    const page = await harness.enter('fl_reader00_demo', '?range=7d&type=user.signed_in');
    await rows(page).first().waitFor();
    await page.locator('#row-0').click();
    await page.getByRole('button', { name: 'Column data.client.country' }).click();
    await page.getByRole('columnheader', { name: 'data.client.country' }).waitFor();
    expect(page.url()).toContain('col=data.client.country');
    await eventually(async () => /^[A-Z]{2}$/.test(await page.locator('#row-1 .cell-other').last().innerText()), 'the column has the values');
  });
});

describe('an event', () => {
  it('opens with all there is to know, and can be filtered by and copied', async () => {
    const page = await harness.enter('fl_reader00_demo', '?range=7d&source=payments');
    await rows(page).first().waitFor();
    await page.locator('#row-2').click();
    const drawer = page.getByRole('complementary', { name: 'Event' });
    await drawer.getByText('partition').waitFor();
    expect(await drawer.innerText()).toMatch(/offset\s+[\d,]+/);
    await drawer.getByRole('button', { name: 'curl' }).click();
    const curl = await page.evaluate(() => navigator.clipboard.readText());
    expect(curl).toMatch(/^curl -sS -H "Authorization: Bearer \$FLUMEN_KEY" 'http:\/\/127\.0\.0\.1:\d+\/v1\/events\/[0-9a-f-]{36}'$/);
    await drawer.getByRole('button', { name: 'Copy JSON' }).click();
    const copied = JSON.parse(await page.evaluate(() => navigator.clipboard.readText())) as { source: string; kafkaoffset: number };
    expect(copied.source).toBe('payments');
    await drawer.getByRole('button', { name: 'Filter by data.currency' }).click();
    await page.locator('.pill', { hasText: 'data.currency' }).waitFor();
  });

  it('opens from a link, even when it is not in the table', async () => {
    const uid = harness.mock.store.uid(1234);
    const page = await harness.enter('fl_reader00_demo', `?range=5m&event=${uid}`);
    await page.getByRole('complementary', { name: 'Event' }).getByText(uid).waitFor();
  });

  it('that this key may not read is not found', async () => {
    const index = [...Array(500).keys()].find((i) => harness.mock.store.source(i) === 'shop-web') ?? 0;
    const page = await harness.enter('fl_billing0_demo', `?event=${harness.mock.store.uid(index)}`);
    await page.getByRole('complementary', { name: 'Event' }).getByText('Not found').waitFor();
  });

  it('is followed by what happened around it', async () => {
    const page = await harness.enter('fl_reader00_demo', '?range=7d&source=warehouse');
    await rows(page).first().waitFor();
    await page.locator('#row-5').click();
    await page.getByRole('button', { name: 'Around it' }).click();
    await eventually(() => Promise.resolve(/from=.*to=.*source=warehouse/.test(page.url())), 'ten minutes of that source');
  });
});

describe('copying the view', () => {
  it('gives curl and SQL of what is shown', async () => {
    const page = await harness.enter('fl_reader00_demo', '?range=7d&source=shop-*&data.total.currency=EUR');
    await rows(page).first().waitFor();
    await page.keyboard.press('c');
    await page.getByRole('menuitem', { name: 'SQL query' }).click();
    const sql = await page.evaluate(() => navigator.clipboard.readText());
    expect(sql).toContain("source like 'shop-%'");
    expect(sql).toContain(`data @> '{"total":{"currency":"EUR"}}'`);
    await page.keyboard.press('c');
    await page.getByRole('menuitem', { name: /curl command/ }).click();
    expect(await page.evaluate(() => navigator.clipboard.readText())).toMatch(/source=shop-\*&data\.total\.currency=EUR&from=.*&to=.*&order=desc&limit=100'$/);
  });
});
