/** Pictures of the page for the eye and for the documentation: `npm run screenshots`. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { type Harness, type Key, start } from './harness';

const OUT = process.env['SCREENSHOTS_DIR'] ?? join(import.meta.dirname, '../../screenshots');
const SIZES = [{ width: 1440, height: 900 }, { width: 1024, height: 768 }, { width: 390, height: 844 }];

interface Scene {
  name: string;
  path: string;
  key: Key;
  then?(page: Page): Promise<void>;
  sizes?: number[];
}

const ready = async (page: Page): Promise<void> => {
  await page.locator('.rows .row').first().waitFor();
  await page.locator('.plot canvas').waitFor();
};

const SCENES: readonly Scene[] = [
  { name: 'explore', path: '?range=7d', key: 'fl_operator_demo', then: ready },
  { name: 'drawer', path: '?range=7d&source=payments&by=type', key: 'fl_operator_demo', then: async (page) => { await ready(page); await page.locator('.rows .row').nth(3).click(); await page.locator('.attributes').waitFor(); } },
  { name: 'hostile', path: '?range=30d&source=identity&subject=invoice-*', key: 'fl_reader00_demo', sizes: [1440, 390], then: async (page) => { await ready(page); await page.locator('.rows .row').first().click(); await page.locator('.tree').first().waitFor(); } },
  { name: 'live', path: '?range=1h&live=1', key: 'fl_operator_demo', then: async (page) => { await page.waitForTimeout(2500); await page.keyboard.press('Space'); await page.waitForTimeout(1500); } },
  { name: 'operations', path: '?panel=operations', key: 'fl_operator_demo', then: async (page) => { await page.locator('.grid-letters tbody tr').first().waitFor(); await page.locator('.grid-letters button').first().click(); } },
  { name: 'sign-in', path: '', key: 'fl_reader00_demo' },
  { name: 'empty', path: '', key: 'fl_nothing0_demo', sizes: [1440, 390], then: (page) => page.locator('.empty').waitFor() },
  { name: 'limited', path: '', key: 'fl_limited0_demo', sizes: [1440, 390], then: (page) => page.locator('.events-card .failure').waitFor() },
  { name: 'range', path: '', key: 'fl_reader00_demo', then: async (page) => { await ready(page); await page.keyboard.press('t'); } },
  { name: 'filter', path: '?range=7d', key: 'fl_reader00_demo', then: async (page) => { await ready(page); await page.keyboard.press('/'); await page.keyboard.type('pay'); } },
  { name: 'hover', path: '?range=7d', key: 'fl_reader00_demo', sizes: [1440], then: async (page) => { await ready(page); await page.locator('.plot-over').hover({ position: { x: 500, y: 60 } }); } },
  { name: 'keyboard', path: '', key: 'fl_reader00_demo', sizes: [1440, 390], then: async (page) => { await ready(page); await page.keyboard.press('?'); } },
];

describe.runIf(process.env['SCREENSHOTS'])('screenshots', () => {
  let harness: Harness;
  beforeAll(async () => {
    mkdirSync(OUT, { recursive: true });
    harness = await start({ ratePerSecond: 1 });
  });
  afterAll(() => harness.close());

  for (const colorScheme of ['light', 'dark'] as const) {
    for (const size of SIZES) {
      for (const scene of SCENES.filter((s) => s.sizes?.includes(size.width) ?? true)) {
        const name = `${scene.name}-${size.width}-${colorScheme}`;
        it.runIf((process.env['SCENE'] ?? name).split(',').some((s) => name.startsWith(s)))(name, async () => {
          const options = { viewport: size, colorScheme, deviceScaleFactor: size.width < 500 ? 2 : 1 };
          const page = scene.name === 'sign-in' ? await harness.open(scene.path, options) : await harness.enter(scene.key, scene.path, options);
          await scene.then?.(page);
          await page.waitForTimeout(450);
          await page.screenshot({ path: join(OUT, `${name}.png`) });
          await page.context().close();
        });
      }
    }
  }
});
