/** The tokens hold what the visual language promises: contrast, and series that everyone can tell apart. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { COLOURS } from '../../src/lib/palette';

type Rgb = [number, number, number];

const css = readFileSync(join(import.meta.dirname, '../../src/styles/tokens.css'), 'utf8');
const blockOf = (selector: string): Record<string, string> => {
  const at = css.indexOf(`${selector} {`);
  return Object.fromEntries([...css.slice(at, css.indexOf('}', at)).matchAll(/--([\w-]+):\s*(#[0-9a-f]{6});/g)].map((m) => [m[1] ?? '', m[2] ?? '']));
};
const THEMES = { light: blockOf(':root'), dark: blockOf(":root[data-theme='dark']") };

const linear = (hex: string): Rgb => [1, 3, 5].map((i) => {
  const c = parseInt(hex.slice(i, i + 2), 16) / 255;
  return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
}) as Rgb;

function contrast(a: string, b: string): number {
  const luminance = (hex: string): number => linear(hex).reduce((sum, c, i) => sum + c * ([0.2126, 0.7152, 0.0722][i] ?? 0), 0);
  const [dark = 0, light = 0] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (light + 0.05) / (dark + 0.05);
}

/** How colours look to people who lack a cone (Machado, Oliveira and Fernandes, 2009). */
const VISION: Record<string, number[][]> = {
  'full colour vision': [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
  protanopia: [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
  deuteranopia: [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
  tritanopia: [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
};

function oklab([r, g, b]: Rgb): Rgb {
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return [0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s, 1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s, 0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s];
}

function difference(a: string, b: string, matrix: number[][]): number {
  const seen = (hex: string): Rgb => oklab(matrix.map((row) => Math.min(1, Math.max(0, row.reduce((sum, k, i) => sum + k * (linear(hex)[i] ?? 0), 0)))) as Rgb);
  const [x, y] = [seen(a), seen(b)];
  return Math.hypot(x[0] - y[0], x[1] - y[1], x[2] - y[2]);
}

describe.each(Object.entries(THEMES))('%s', (_name, token) => {
  const of = (name: string): string => token[name] ?? expect.fail(`no token ${name}`);
  const grounds = ['ground-0', 'ground-1', 'ground-2', 'ground-float'];

  it('has ink that is AA on every ground', () => {
    for (const ink of ['ink-1', 'ink-2', 'ink-3']) for (const ground of [...grounds, 'ground-3']) expect(contrast(of(ink), of(ground)), `${ink} on ${ground}`).toBeGreaterThanOrEqual(4.5);
    for (const ink of ['accent', 'good', 'warn', 'bad', 'live', 'json-key', 'json-string', 'json-number', 'json-word']) for (const ground of ['ground-1', 'ground-2']) expect(contrast(of(ink), of(ground)), `${ink} on ${ground}`).toBeGreaterThanOrEqual(4.5);
    for (const [ink, ground] of [['accent-ink', 'accent'], ['accent-ink', 'accent-hover'], ['accent', 'accent-soft'], ['ink-2', 'accent-soft'], ['ink-3', 'accent-soft'], ['warn', 'warn-soft'], ['bad', 'bad-soft']] as const) expect(contrast(of(ink), of(ground)), `${ink} on ${ground}`).toBeGreaterThanOrEqual(4.5);
  });

  it('has outlines, focus and series that stand out 3:1', () => {
    for (const ground of ['ground-0', 'ground-1']) for (const line of ['line-3', 'focus']) expect(contrast(of(line), of(ground)), `${line} on ${ground}`).toBeGreaterThanOrEqual(3);
    for (const series of [...Array(COLOURS).keys(), 'x']) expect(contrast(of(`c-${series}`), of('ground-1')), `c-${series}`).toBeGreaterThanOrEqual(3);
  });

  it.each(Object.entries(VISION))('has series that differ with %s', (_vision, matrix) => {
    for (let a = 0; a < COLOURS; a += 1) for (let b = a + 1; b < COLOURS; b += 1) expect(difference(of(`c-${a}`), of(`c-${b}`), matrix), `c-${a} and c-${b}`).toBeGreaterThanOrEqual(0.095);
  });
});
