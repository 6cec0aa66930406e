// Fails when what a browser downloads to show the page weighs more than the budget, gzipped.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

const BUDGET_KB = 150;
const dist = new URL('../dist/', import.meta.url).pathname;
const files = readdirSync(dist, { recursive: true }).map((f) => join(dist, String(f))).filter((f) => statSync(f).isFile() && !/\.(br|gz)$/.test(f));

let total = 0;
for (const file of files.sort()) {
  const size = gzipSync(readFileSync(file), { level: 9 }).length;
  total += size;
  console.log(`${(size / 1000).toFixed(1).padStart(8)} kB  ${file.slice(dist.length)}`);
}
console.log(`${(total / 1000).toFixed(1).padStart(8)} kB  in all, gzipped, of ${BUDGET_KB} kB`);

const html = readFileSync(join(dist, 'index.html'), 'utf8');
if (/\sstyle=|<style|<script(?![^>]*\ssrc=)|\son\w+=/i.test(html)) {
  console.error('index.html holds an inline script or style, which the content security policy forbids');
  process.exit(1);
}
if (total > BUDGET_KB * 1000) {
  console.error('over the budget');
  process.exit(1);
}
