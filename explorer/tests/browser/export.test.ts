/** Downloads: whole, with progress, and never half a file. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Harness, start } from './harness';

let harness: Harness;
beforeAll(async () => void (harness = await start({ events: 60_000, ratePerSecond: 0 })));
afterAll(() => harness.close());

it.each([['NDJSON', 'ndjson'], ['CSV', 'csv'], ['Parquet', 'parquet']])('saves the view as %s', async (label, ending) => {
  const page = await harness.enter('fl_reader00_demo', '?range=7d&source=billing');
  await page.locator('.rows .row').first().waitFor();
  const expected = Number((await page.locator('.timeline-total strong').innerText()).replace(/\D/g, ''));
  await page.keyboard.press('e');
  const saved = page.waitForEvent('download');
  await page.getByRole('menuitem', { name: label }).click();
  const file = await saved;
  expect(file.suggestedFilename()).toMatch(new RegExp(`^flumen-events-.*\\.${ending}$`));
  const text = readFileSync(await file.path(), 'utf8');
  if (ending === 'ndjson') {
    const lines = text.trim().split('\n');
    // The counts are of whole bars, so they may tell of a few events before the range.
    expect(lines.length).toBeLessThanOrEqual(expected);
    expect(lines.length).toBeGreaterThan(expected - 20);
    expect(lines.every((l) => (JSON.parse(l) as { source: string }).source === 'billing')).toBe(true);
  }
  if (ending === 'parquet') expect(text.startsWith('PAR1')).toBe(true);
  await page.getByRole('status', { name: 'Download' }).getByText('Downloaded').waitFor();
});

it('shows how far it is, and stops when told', async () => {
  harness.mock.options.exportBytesPerSecond = 1_500_000;
  const page = await harness.enter('fl_reader00_demo', '?range=30d');
  await page.locator('.rows .row').first().waitFor();
  await page.keyboard.press('e');
  await page.getByRole('menuitem', { name: 'NDJSON' }).click();
  const status = page.getByRole('status', { name: 'Download' });
  await status.getByText(/[1-9]\d* %/).waitFor();
  await page.getByRole('button', { name: 'Cancel the download' }).click();
  await status.waitFor({ state: 'detached' });
  harness.mock.options.exportBytesPerSecond = 0;
});

it('saves nothing when the stream breaks off, and says so', async () => {
  const page = await harness.enter('fl_reader00_demo', '?range=30d');
  await page.locator('.rows .row').first().waitFor();
  let saved = false;
  page.on('download', () => (saved = true));
  harness.mock.faults.push({ path: '/v1/export', times: 1, status: 200, breakAfter: 2_000 });
  await page.keyboard.press('e');
  await page.getByRole('menuitem', { name: 'NDJSON' }).click();
  await page.getByText('The download broke off').waitFor();
  expect(saved).toBe(false);
});
