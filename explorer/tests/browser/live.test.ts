/** The live tail: it follows, pauses with a count, resumes where it was cut off, and says what it missed. */
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually, type Harness, start } from './harness';

let harness: Harness;
beforeAll(async () => void (harness = await start({ events: 20_000, ratePerSecond: 20 })));
afterAll(() => harness.close());

const offsets = (page: Page): Promise<string[]> => page.locator('.rows .row time').evaluateAll((all) => all.map((e) => e.getAttribute('datetime') ?? ''));
const firstTime = async (page: Page): Promise<string> => (await offsets(page))[0] ?? '';

it('shows events as they are stored', async () => {
  const page = await harness.enter('fl_reader00_demo', '?range=1h');
  await page.locator('.rows .row').first().waitFor();
  await page.keyboard.press('l');
  await page.locator('.live-open').waitFor();
  const before = await firstTime(page);
  await eventually(async () => (await firstTime(page)) > before, 'newer events come to the top');
  expect(page.url()).toContain('live=1');
  expect(await page.locator('.live-rate').innerText()).toMatch(/\/s$/);
});

it('opens an event while it follows', async () => {
  const page = await harness.enter('fl_reader00_demo', '?range=1h&live=1');
  await page.locator('.rows .row').first().click();
  await page.getByRole('complementary', { name: 'Event' }).getByText('partition').waitFor();
});

it('keeps still while paused, counts what waits, and shows it after', async () => {
  const page = await harness.enter('fl_reader00_demo', '?range=1h&live=1');
  await page.locator('.rows .row').first().waitFor();
  await page.keyboard.press('Space');
  const still = await firstTime(page);
  const show = page.getByRole('button', { name: /Show \d+ new/ });
  await show.waitFor();
  const waiting = async (): Promise<number> => Number(/\d+/.exec(await show.innerText())?.[0]);
  const first = await waiting();
  await eventually(async () => (await waiting()) > first + 10, 'the count grows');
  expect(await firstTime(page)).toBe(still);
  await show.click();
  await eventually(async () => (await firstTime(page)) > still, 'what waited is shown');
});

it('resumes after the last event it saw, missing and repeating none', async () => {
  // Tall, so that the rows from before and after the break are all in sight.
  const page = await harness.enter('fl_reader00_demo', '?range=1h&live=1', { viewport: { width: 1200, height: 2600 } });
  await page.locator('.rows .row').nth(10).waitFor();
  harness.mock.dropTails();
  await eventually(() => Promise.resolve(harness.mock.requests.some((r) => /\/v1\/tail\?after=t\d+/.test(r))), 'it asks for what came after');
  await page.locator('.live-open').waitFor();
  await page.locator('.rows .row').nth(45).waitFor();
  await page.keyboard.press('Space');
  const seconds = (await offsets(page)).map((t) => Math.round(Date.parse(t) / 50));
  // The mock stores an event every 50 ms exactly.
  for (const [i, at] of seconds.slice(1).entries()) expect((seconds[i] ?? 0) - at).toBe(1);
});

it('filters: sources and types by the server, subject and data in the page', async () => {
  const page = await harness.enter('fl_reader00_demo', '?range=1h&live=1&source=identity&data.mfa=true');
  await page.locator('.rows .row').nth(3).waitFor({ timeout: 20_000 });
  expect(new Set(await page.locator('.rows .cell-source').allInnerTexts())).toEqual(new Set(['identity']));
  expect(harness.mock.requests.some((r) => r.startsWith('/v1/tail?source=identity'))).toBe(true);
  expect((await page.locator('.rows .cell-data').allInnerTexts()).every((t) => t.includes('mfa=true'))).toBe(true);
});

it('says that there is a gap, in its place', async () => {
  const page = await harness.enter('fl_reader00_demo', '?range=1h');
  await page.route('**/v1/tail*', (route) => route.fulfill({
    contentType: 'text/event-stream',
    body: `retry: 60000\n\nid: t9\nevent: gap\ndata: {"reason":"slow","detail":"412 events were skipped"}\n\nid: t10\nevent: event\ndata: ${harness.mock.store.json(50)}\n\n`,
  }));
  await page.keyboard.press('l');
  await page.locator('.row-gap', { hasText: '412 events were skipped' }).waitFor();
  await page.getByText('Connection lost').waitFor();
});

it('shows a refusal of the stream and its countdown', async () => {
  const page = await harness.enter('fl_reader00_demo', '?range=1h');
  await page.locator('.rows .row').first().waitFor();
  harness.mock.faults.push({ path: '/v1/tail', times: 1, status: 429, title: 'Too many tails', retryAfter: 3 });
  await page.keyboard.press('l');
  await page.getByText('Too many tails').waitFor();
  await page.locator('.live-open').waitFor({ timeout: 15_000 });
});
