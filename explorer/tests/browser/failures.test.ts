/** Refusals and outages: said in words, with what to do, and over by themselves. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Harness, start } from './harness';

let harness: Harness;
beforeAll(async () => void (harness = await start({ events: 5_000, ratePerSecond: 0 })));
afterAll(() => harness.close());

it('counts down Retry-After and asks again by itself', async () => {
  const page = await harness.enter('fl_reader00_demo', '?range=1h');
  await page.locator('.tablebar').waitFor();
  harness.mock.faults.push({ path: '/v1/events', times: 1, status: 429, title: 'Too many requests', detail: '5 a second', retryAfter: 2 });
  await page.getByRole('button', { name: 'Refresh' }).click();
  const alert = page.locator('.events-card').getByRole('alert');
  await alert.waitFor();
  expect(await alert.innerText()).toMatch(/Too many requests[\s\S]*429[\s\S]*5 a second[\s\S]*in [12] s[\s\S]*mock-0001/);
  await alert.waitFor({ state: 'detached' });
  await page.locator('.rows .row, .empty').first().waitFor();
});

it('shows an outage in the words of the server', async () => {
  const page = await harness.enter('fl_outage00_demo');
  const alert = page.locator('.events-card').getByRole('alert');
  await alert.getByText('The database cannot be reached').waitFor();
  expect(await alert.innerText()).toContain('nothing is lost');
});

it('gives advice where only a person can help', async () => {
  const page = await harness.enter('fl_reader00_demo', '?range=1h');
  harness.mock.faults.push({ path: '/v1/events', times: 1, status: 504, title: 'The query took too long' });
  await page.getByRole('button', { name: 'Refresh' }).click();
  const alert = page.locator('.events-card').getByRole('alert');
  await alert.waitFor();
  expect(await alert.innerText()).toContain('shorter time range');
  await alert.getByRole('button', { name: 'Try again' }).click();
  await alert.waitFor({ state: 'detached' });
});

it('keeps what was loaded when a later page fails', async () => {
  const page = await harness.enter('fl_reader00_demo', '?range=30d');
  await page.locator('.rows .row').first().waitFor();
  harness.mock.faults.push({ path: '/v1/events', times: 1, status: 400, title: 'The cursor is not valid' });
  await page.locator('.table-scroll').evaluate((e) => e.scrollTo({ top: e.scrollHeight }));
  await page.locator('.events-card').getByText('The cursor is not valid').waitFor();
  expect(await page.locator('.rows .row').count()).toBeGreaterThan(5);
  await page.locator('.events-card').getByRole('button', { name: 'Try again' }).click();
  await page.getByText('200 loaded').waitFor();
});
