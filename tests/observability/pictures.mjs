// Takes pictures of pages: a list of them as JSON on standard input, the folder as the argument.
import { existsSync, readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const { chromium } = createRequire(new URL('../../explorer/package.json', import.meta.url))('playwright-core');
const folder = process.argv[2];
const found = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) => path && existsSync(path));
if (!found) throw new Error('no Chromium: install one (Debian: apt-get install chromium) or set CHROMIUM to its path');
const browser = await chromium.launch({ executablePath: found, args: ['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run'] });
for (const { name, url, width = 1200, height = 800, whole = false, key, open, wait } of JSON.parse(readFileSync(0, 'utf8'))) {
  const context = await browser.newContext({ viewport: { width, height: whole ? 100 : height }, locale: 'en-GB', timezoneId: 'UTC' });
  const page = await context.newPage();
  await page.goto(url, { waitUntil: 'networkidle' });
  if (key) {
    await page.getByLabel('Key', { exact: true }).fill(key);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.locator('.grid tbody tr').first().waitFor();
  }
  if (open) {
    const row = page.locator('.alert_header', { hasText: open }).first();
    await row.scrollIntoViewIfNeeded();
    await row.click();
  }
  if (wait) await page.locator(wait).first().waitFor({ state: 'attached' });
  await page.waitForLoadState('networkidle');
  // Whatever fades in has done so.
  await page.evaluate(() => Promise.all(document.getAnimations().filter((a) => a.effect.getTiming().iterations !== Infinity).map((a) => a.finished)));
  const path = join(folder, `${name}.png`);
  await page.screenshot({ path, fullPage: whole });
  console.log(`  ${name}.png: ${(statSync(path).size / 1000).toFixed(0)} kB`);
  await context.close();
}
await browser.close();
