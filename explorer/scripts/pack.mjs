// Packs what was built, once and for all: `.br` and `.gz` beside every file of text, for the binary that serves them.
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const FROM_BYTES = 1000;
const folder = join(import.meta.dirname, '..', process.argv[2] ?? 'dist');

for (const name of readdirSync(folder, { recursive: true }).map(String)) {
  const path = join(folder, name);
  if (!/\.(html|js|css|svg|json|txt)$/.test(name) || statSync(path).size < FROM_BYTES) continue;
  const content = readFileSync(path);
  put(`${path}.br`, brotliCompressSync(content, { params: { [constants.BROTLI_PARAM_SIZE_HINT]: content.length } }));
  put(`${path}.gz`, gzipSync(content, { level: 9 }));
}

/** Leaves a file alone that is what it should be: the Rust build looks at times. */
function put(path, content) {
  try {
    if (readFileSync(path).equals(content)) return;
  } catch {
    // Not there yet.
  }
  writeFileSync(path, content);
}
