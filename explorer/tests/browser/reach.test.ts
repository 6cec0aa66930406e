/** Everyone can use it: keyboard only, screen readers, both themes, a phone; and operators find their part. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, type Harness, signIn, start } from './harness';

let harness: Harness;
beforeAll(async () => void (harness = await start({ events: 30_000, ratePerSecond: 5 })));
afterAll(() => harness.close());

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

interface AxeResult {
  violations: { id: string; impact: string | null; help: string; nodes: { html: string; failureSummary?: string }[] }[];
}

/** Everything axe finds, of any weight. */
async function findings(page: Page): Promise<string[]> {
  // Half-faded things have no contrast of their own.
  await page.waitForFunction(() => document.getAnimations().every((a) => a.effect?.getTiming().iterations === Infinity || a.playState === 'finished'));
  await page.evaluate(axeSource);
  const { violations } = await page.evaluate(() => (window as unknown as { axe: { run(): Promise<AxeResult> } }).axe.run());
  return violations.flatMap((v) => v.nodes.map((n) => `${v.impact ?? ''} ${v.id}: ${v.help}: ${n.html.slice(0, 160)} ${n.failureSummary ?? ''}`));
}

const ready = async (page: Page): Promise<void> => {
  await page.locator('.rows .row').first().waitFor();
  await page.locator('.legend-item').first().waitFor();
  await page.locator('.facet-row').first().waitFor({ state: 'attached' });
};

describe.each(['light', 'dark'] as const)('axe finds nothing, %s', (colorScheme) => {
  it.each([
    ['at the door', '', async (page: Page) => page.getByLabel('Key', { exact: true }).waitFor()],
    ['while exploring', '?range=7d&source=payments', ready],
    ['with an event open', '?range=7d', async (page: Page) => { await ready(page); await page.locator('#row-1').click(); await page.locator('.tree').first().waitFor(); }],
    ['with hostile text', '?range=30d&subject=invoice-*', async (page: Page) => { await page.locator('#row-0').click(); await page.locator('.tree').first().waitFor(); }],
    ['choosing a range', '', async (page: Page) => { await ready(page); await page.keyboard.press('t'); }],
    ['typing a filter', '', async (page: Page) => { await ready(page); await page.keyboard.press('/'); await page.getByRole('option').first().waitFor(); await page.keyboard.press('ArrowDown'); }],
    ['choosing columns', '', async (page: Page) => { await ready(page); await page.getByRole('button', { name: 'Columns' }).click(); }],
    ['in live', '?live=1', async (page: Page) => { await page.locator('.rows .row').first().waitFor(); await page.keyboard.press('Space'); }],
    ['in operations', '?panel=operations', async (page: Page) => { await page.locator('.grid-letters button').first().click(); }],
    ['with the sheet of keys', '', async (page: Page) => { await ready(page); await page.keyboard.press('?'); }],
  ])('%s', async (name, path, then) => {
    const page = name === 'at the door' ? await harness.open(path, { colorScheme }) : await harness.enter('fl_operator_demo', path, { colorScheme });
    await then(page);
    expect(await findings(page)).toEqual([]);
  });
});

it.each([['nothing found', 'fl_nothing0_demo', '.empty'], ['an outage', 'fl_outage00_demo', '.failure']] as const)('axe finds nothing with %s', async (_name, key, shown) => {
  const page = await harness.enter(key);
  await page.locator(shown).first().waitFor();
  expect(await findings(page)).toEqual([]);
});

it('axe finds nothing on a phone', async () => {
  const page = await harness.enter('fl_operator_demo', '?range=7d', { viewport: { width: 390, height: 844 }, hasTouch: true });
  await ready(page);
  expect(await findings(page)).toEqual([]);
  await page.locator('#row-0').tap();
  await page.locator('.tree').first().waitFor();
  expect(await findings(page)).toEqual([]);
});

it('has all its controls within a phone, and nothing beside it', async () => {
  const page = await harness.enter('fl_operator_demo', '?range=7d', { viewport: { width: 390, height: 844 }, hasTouch: true });
  await ready(page);
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
  const outside = await page.locator('.topbar button, .toolbar button, .timeline-head button, .tablebar button').evaluateAll((all) => all.filter((e) => e.checkVisibility() && e.getBoundingClientRect().right > 390).map((e) => e.outerHTML.slice(0, 80)));
  expect(outside).toEqual([]);
  await page.getByRole('button', { name: 'Facets' }).tap();
  await page.locator('.facet-row', { hasText: 'billing' }).tap();
  await page.locator('.pill', { hasText: 'billing' }).waitFor();
});

it('is used from end to end without a pointer', async () => {
  const page = await harness.open('?range=7d');
  await page.keyboard.type('fl_reader00_demo');
  await page.keyboard.press('Enter');
  await ready(page);
  await page.keyboard.press('j');
  await page.keyboard.press('j');
  await page.keyboard.press('Enter');
  const drawer = page.getByRole('complementary', { name: 'Event' });
  await drawer.locator('.attributes').waitFor();
  const first = new URL(page.url()).searchParams.get('event');
  await page.keyboard.press('j');
  await eventually(() => Promise.resolve(new URL(page.url()).searchParams.get('event') !== first), 'the next event is open');
  await page.keyboard.press('Escape');
  await drawer.waitFor({ state: 'detached' });
  // Zoom with the keys of the timeline.
  await page.getByRole('slider').focus();
  for (const key of ['ArrowLeft', 'ArrowLeft', 'Shift+ArrowLeft', 'Shift+ArrowLeft']) await page.keyboard.press(key);
  await page.locator('.plot-band').waitFor();
  await page.keyboard.press('Enter');
  await eventually(() => Promise.resolve(page.url().includes('from=')), 'zoomed in');
  await page.keyboard.press('0');
  await eventually(() => Promise.resolve(page.url().includes('range=7d')), 'and back');
  // A range from the menu.
  await page.keyboard.press('t');
  await page.getByRole('dialog').waitFor();
  await page.keyboard.press('Escape');
  expect(await page.evaluate(() => document.activeElement?.getAttribute('data-shortcut'))).toBe('range');
});

it('shows where the focus is on every stop of the Tab key', async () => {
  const page = await harness.enter('fl_reader00_demo', '?range=7d');
  await ready(page);
  await page.evaluate(() => document.querySelector<HTMLElement>('.brand')?.focus());
  for (let i = 0; i < 30; i += 1) {
    await page.keyboard.press('Tab');
    const seen = await page.evaluate(() => {
      const at = document.activeElement;
      if (!at || at === document.body) return 'nothing';
      const ring = (e: Element): boolean => { const s = getComputedStyle(e); return s.outlineStyle !== 'none' || s.boxShadow !== 'none'; };
      return ring(at) || (at.closest('.filterbar') && ring(at.closest('.filterbar') as Element)) ? 'ring' : at.outerHTML.slice(0, 120);
    });
    expect(seen).toBe('ring');
  }
});

it('follows the system and remembers another choice', async () => {
  const page = await harness.enter('fl_reader00_demo', '', { colorScheme: 'dark' });
  await ready(page);
  const ground = (): Promise<string> => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const dark = await ground();
  await page.emulateMedia({ colorScheme: 'light' });
  await eventually(async () => (await ground()) !== dark, 'light with the system');
  await page.getByRole('button', { name: 'Theme' }).click();
  await page.getByRole('menuitemradio', { name: 'Dark' }).click();
  await eventually(async () => (await ground()) === dark, 'dark by choice');
  await page.reload();
  await ready(page);
  expect(await ground()).toBe(dark);
});

describe('operations', () => {
  it('are for keys with the scope only', async () => {
    const page = await harness.open('?panel=operations');
    const asked: string[] = [];
    page.on('request', (request) => asked.push(request.url()));
    await signIn(page, 'fl_reader00_demo');
    await ready(page);
    expect(await page.getByRole('button', { name: 'Operations' }).count()).toBe(0);
    expect(asked.filter((url) => url.includes('/v1/operator/'))).toEqual([]);
  });

  it('show the lag, and dead letters with what they were', async () => {
    const page = await harness.enter('fl_operator_demo');
    await page.getByRole('button', { name: 'Operations' }).click();
    await page.getByText('1,855').waitFor();
    const letters = page.locator('.grid-letters tbody tr');
    await letters.first().waitFor();
    expect(await letters.count()).toBe(50);
    await page.getByRole('button', { name: 'Load more' }).click();
    await page.getByText('100 shown').waitFor();
    await page.locator('.grid-letters tr', { hasText: 'too-long' }).first().getByRole('button').click();
    await page.locator('.record .raw', { hasText: '<script>' }).waitFor();
    expect(await page.evaluate(() => '__pwned' in window)).toBe(false);
  });
});
