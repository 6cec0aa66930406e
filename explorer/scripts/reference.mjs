// Puts the viewer of the OpenAPI documents, which both APIs carry at /docs, where the Rust build finds it.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const from = join(import.meta.dirname, '../node_modules/swagger-ui-dist');
const to = join(import.meta.dirname, '../reference');

mkdirSync(to, { recursive: true });
for (const name of ['swagger-ui.css', 'swagger-ui-bundle.js']) {
  // Without the addresses of source maps, which are not served.
  const text = readFileSync(join(from, name), 'utf8').replace(/(\/\/|\/\*)# sourceMappingURL=[^\n*]*(\*\/)?\s*$/, '');
  const path = join(to, name);
  let known = '';
  try {
    known = readFileSync(path, 'utf8');
  } catch {
    // Not there yet.
  }
  if (known !== text) writeFileSync(path, text);
}
writeFileSync(join(to, 'licence.txt'), readFileSync(join(from, 'LICENSE')));
