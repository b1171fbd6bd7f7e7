// Regenerates packages/protocol/src/gen from the .proto files with buf (its template is
// buf.gen.yaml). With --check it generates into a temporary directory, changes nothing in the tree,
// and fails if the committed code differs.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const protocol = join(root, 'packages', 'protocol');

const args = process.argv.slice(2);
if (args.some((arg) => arg !== '--check')) {
  console.error('usage: node scripts/generate.mjs [--check]');
  process.exit(2);
}
process.exitCode = args.includes('--check') ? check() : generate(protocol);

/** Generates into `<base>/src/gen`, which buf empties first. Returns buf's exit code. */
function generate(base) {
  const buf = join(dirname(createRequire(import.meta.url).resolve('@bufbuild/buf/package.json')), 'bin', 'buf');
  // buf finds protoc-gen-es on PATH, and protoc-gen-es finds `node` there. That must be this
  // runtime, because protoc-gen-es needs Node 22 or newer.
  const path = [dirname(process.execPath), join(root, 'node_modules', '.bin'), process.env.PATH].join(delimiter);
  const result = spawnSync(process.execPath, [buf, 'generate', '--output', base], {
    cwd: protocol,
    env: { ...process.env, PATH: path },
    stdio: 'inherit',
  });
  if (result.error) throw result.error;
  return result.status ?? 1;
}

function check() {
  const base = mkdtempSync(join(tmpdir(), 'hayate-generate-'));
  try {
    const status = generate(base);
    if (status !== 0) return status;
    const fresh = readTree(join(base, 'src', 'gen'));
    const committed = readTree(join(protocol, 'src', 'gen'));
    const different = [...new Set([...fresh.keys(), ...committed.keys()])].filter((path) => fresh.get(path) !== committed.get(path));
    for (const path of different) console.error(`packages/protocol/src/gen/${path} does not match the .proto files; run: npm run generate`);
    if (fresh.size === 0) console.error('nothing was generated');
    return different.length > 0 || fresh.size === 0 ? 1 : 0;
  } finally {
    rmSync(base, { recursive: true, force: true });
  }
}

/** Every file under `directory`: its path in it, with '/', and its text. */
function readTree(directory) {
  const files = new Map();
  for (const path of readdirSync(directory, { recursive: true })) {
    const whole = join(directory, path);
    if (statSync(whole).isFile()) files.set(path.replaceAll('\\', '/'), readFileSync(whole, 'utf8'));
  }
  return files;
}
