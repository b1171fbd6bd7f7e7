// A step of Vite's: after a build each file that compresses well gets its brotli and gzip forms
// beside it, as small as they can be made, so that the server need only choose
// (packages/server/src/api/page-files.ts).
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import type { Plugin } from 'vite';

/**
 * Other formats are compressed already. index.html is missing, since the server writes it for each
 * path.
 */
const COMPRESSIBLE = /\.(css|js|json|map|svg|txt|wasm|webmanifest)$/;
/** Smaller files fit into one packet as they are. */
const BYTES_MIN = 1_024;
/** What saves less is not worth unpacking. */
const RATIO_MAX = 0.9;

/** Writes `x.js.br` and `x.js.gz` beside every `x.js`. */
export function precompress(): Plugin {
  let folder = '';
  return {
    name: 'hayate-precompress',
    apply: 'build',
    configResolved({ root, build }) {
      folder = join(root, build.outDir);
    },
    closeBundle() {
      for (const path of readdirSync(folder, { recursive: true, encoding: 'utf8' }))
        if (COMPRESSIBLE.test(path)) compress(join(folder, path));
    },
  };
}

function compress(path: string): void {
  const bytes = readFileSync(path);
  if (bytes.length < BYTES_MIN) return;
  const forms = {
    br: brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length } }),
    gz: gzipSync(bytes, { level: 9 }),
  };
  for (const [suffix, form] of Object.entries(forms)) if (form.length <= bytes.length * RATIO_MAX) writeFileSync(`${path}.${suffix}`, form);
}
