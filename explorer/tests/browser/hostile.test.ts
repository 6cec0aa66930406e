/** What events hold is only ever text, whoever sent them. */
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HOSTILE } from '../../mock/hostile';
import { type Harness, start } from './harness';

let harness: Harness;
beforeAll(async () => void (harness = await start({ ratePerSecond: 0 })));
afterAll(() => harness.close());

const drawer = (page: Page) => page.getByRole('complementary', { name: 'Event' });

function indexOf(kind: number): number {
  for (let i = harness.mock.store.length - 1; i >= 0; i -= 1) if (harness.mock.store.hostileOf(i) === kind) return i;
  throw new Error(`no hostile event ${kind}`);
}

async function open(kind: number): Promise<Page> {
  const page = await harness.enter('fl_reader00_demo', `?range=5m&event=${harness.mock.store.uid(indexOf(kind))}`);
  await drawer(page).locator('.attributes').waitFor();
  return page;
}

describe.each(HOSTILE.map((h, i) => [i, h.subject.slice(0, 24)] as const))('event %i (%s)', (kind) => {
  it('runs nothing, loads nothing, links nowhere', async () => {
    const page = await open(kind);
    const asked: string[] = [];
    page.on('request', (request) => asked.push(request.url()));
    await drawer(page).getByRole('button', { name: 'JSON', exact: true }).click();
    expect(await page.evaluate(() => '__pwned' in window)).toBe(false);
    expect(await page.evaluate(() => 'polluted' in Object.prototype)).toBe(false);
    expect(await page.locator('main a, main img, main iframe, main script, main object').count()).toBe(0);
    expect(asked).toEqual([]);
  });
});

it('that reverses text is shown in the order of its characters', async () => {
  const page = await open(1);
  await drawer(page).locator('.hidden-char', { hasText: 'RLO' }).first().waitFor();
  expect(await drawer(page).locator('.tree').first().innerText()).toContain('annual');
  // No title, label or text node of the page still holds a raw control.
  const raw = await page.evaluate(() => /[\u202a-\u202e\u2066-\u2069\u200b\u001b]/.test(document.documentElement.outerHTML));
  expect(raw).toBe(false);
});

it('keeps the digits of numbers that JavaScript would round', async () => {
  const page = await open(4);
  const text = await drawer(page).locator('.tree').first().innerText();
  for (const digits of ['123456789012345678901234567890', '1.10', '1e-400', '9007199254740993']) expect(text).toContain(digits);
});

it('cuts what is long until it is asked for', async () => {
  const page = await open(6);
  expect((await drawer(page).locator('.tree').first().innerText()).length).toBeLessThan(2_500);
  await drawer(page).getByRole('button', { name: /more characters/ }).first().click();
  expect((await drawer(page).locator('.tree').first().innerText()).length).toBeGreaterThan(19_000);
});

it('is under the policy without unsafe-inline', async () => {
  const response = await fetch(harness.url);
  const policy = response.headers.get('content-security-policy') ?? '';
  expect(policy).toContain("script-src 'self'");
  expect(policy).not.toContain('unsafe');
  const page = await harness.open();
  // The harness collects what the browser complains about; this complaint is wanted.
  page.removeAllListeners('console');
  await page.evaluate(() => {
    const script = document.createElement('script');
    script.textContent = 'window.__pwned = 1';
    document.body.append(script);
  });
  expect(await page.evaluate(() => '__pwned' in window)).toBe(false);
});
